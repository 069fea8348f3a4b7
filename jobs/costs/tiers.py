"""Which list of prices holds for an answer: what requests ask for, and answers say.

OpenAI's and Anthropic's service_tier, Anthropic's speed and inference_geo, and Perplexity's
search_context_size (a fee per request). A price file has the usual prices alone.
"""

TIERS = ("service_tier", "speed", "inference_geo", "search_context_size")
# What they say where the usual prices hold.
USUAL_TIERS = frozenset(
    {"", "default", "standard", "standard_only", "auto", "on_demand", "global", "not_available"}
)
# What costs less than those.
CHEAPER_TIERS = frozenset({"flex", "batch"})
