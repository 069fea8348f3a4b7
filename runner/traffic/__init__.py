"""Load runs: shapes of traffic, and what is measured under them."""
