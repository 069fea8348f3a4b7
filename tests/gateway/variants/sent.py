"""By variant, the bytes that are sent, for each protocol, whole and streamed."""

import re

from tests.gateway.variants.wire import (
    AFTER,
    BASE_RESP,
    CALLED,
    CODE,
    DETAIL,
    DONE,
    DOT,
    ELBE,
    EMPTY,
    END,
    ERROR_CHUNK,
    FILTER,
    FIRST_HALF,
    GONE,
    LIMITED,
    LOGPROBS,
    M_BLOCK,
    M_END,
    M_RIGHT,
    M_START,
    M_STOP,
    M_TEXT,
    NAMED,
    NO_TOOL,
    OBJECT,
    OFFSETS,
    PAGE,
    PROGRESS,
    RIGHT,
    ROLE,
    SECOND_HALF,
    TEXT,
    THE,
    THOUGHT,
    TIMED_OUT,
    USAGE_CHUNK,
    USED,
    beside_usage,
    block,
    c,
    call,
    completion,
    data,
    delta,
    e,
    in_utf16,
    lines,
    m_end,
    m_start,
    m_whole,
    m_with_usage,
    reasoned,
    said,
    stop,
    u,
    whole,
    with_usage,
)

# By variant, what is sent: for each protocol, whole and streamed.
SENT: dict[str, dict[str, str]] = {
    "error-body": {
        "chat whole": f'{{"error":{{"code":429,"message":"{LIMITED}"}}}}',
        "messages whole": '{"type":"error","error":{"type":"rate_limit_error",'
        f'"message":"{LIMITED}"}}}}',
        "images whole": f'{{"error":{{"code":429,"message":"{LIMITED}"}}}}',
    },
    **{
        name: {
            "chat whole": error,
            "messages whole": error,
            "images whole": error,
            "chat streamed": f"{ROLE}data: {error}\n\n{DONE}",
            "messages streamed": f"{M_START}data: {error}\n\n{M_STOP}",
        }
        for name, error in (
            ("error-detail", DETAIL),
            ("error-code", CODE),
            ("error-object", OBJECT),
        )
    },
    "error-base-resp": {
        "chat whole": BASE_RESP,
        "messages whole": BASE_RESP,
        "chat streamed": f"{ROLE}data: {BASE_RESP}\n\n{DONE}",
        "messages streamed": f"{M_START}data: {BASE_RESP}\n\n{M_STOP}",
    },
    "error-first": {
        "chat streamed": f"data: {TIMED_OUT}\n\n{DONE}",
        "messages streamed": f"data: {TIMED_OUT}\n\n{M_STOP}",
    },
    "error-named": {
        "chat streamed": ROLE + THE + ELBE + NAMED + DONE,
        "messages streamed": M_START + block(0, EMPTY) + said(0, "The", " Elbe") + NAMED + M_STOP,
    },
    "error-overloaded": {
        "messages streamed": M_START
        + block(0, EMPTY)
        + said(0, "The", " Elbe")
        + e("error", '"error":{"type":"overloaded_error","message":"The turbine is overloaded."}')
    },
    "error-foreign": {
        "messages streamed": M_START + 'data: {"error":{"message":"A guardrail failed.",'
        '"type":"None","param":null,"code":"500"}}\n\n' + DONE
    },
    "finish-error": {
        "chat whole": whole('"content":"The "', finish='"error"', more=f",{GONE}"),
        "chat streamed": ROLE + THE + ELBE + ERROR_CHUNK + DONE,
    },
    "finish-empty": {
        "chat streamed": c('{"content":"The"}', '""', u(7, 1, 8))
        + c('{"content":" Elbe"}', '""', u(7, 2, 9))
    },
    "only-end": {"chat streamed": DONE, "messages streamed": M_STOP},
    "start-end": {"chat streamed": ROLE + DONE, "messages streamed": M_START + M_STOP},
    "half-end": {"chat streamed": ROLE + THE + ELBE + DONE},
    "no-choices": {"chat whole": completion("[]", u(7, 0, 7))},
    "page": dict.fromkeys(
        ("chat whole", "chat streamed", "messages whole", "messages streamed", "images whole"), PAGE
    ),
    "then-error": {
        "chat streamed": ROLE + TEXT + END + AFTER + DONE,
        "messages streamed": M_RIGHT + AFTER,
    },
    **{
        name: {
            "chat streamed": before + ROLE + TEXT + before + END + DONE,
            "messages streamed": before
            + M_START
            + block(0, EMPTY)
            + M_TEXT
            + before
            + stop(0)
            + M_END
            + M_STOP,
        }
        for name, before in (
            ("empty-data", "data: \n\n"),
            ("ping-data", "data: ping\n\n"),
            ("comments", ": keep-alive\n\n\n"),
        )
    },
    "done-blanks": {"chat streamed": ROLE + TEXT + END + "data:  [DONE]  \n\n"},
    "done-small": {"chat streamed": ROLE + TEXT + END + "data: [done]\n\n"},
    "unended": {"chat streamed": RIGHT[:-2], "messages streamed": M_RIGHT[:-2]},
    "no-end-mark": {
        "chat streamed": ROLE + TEXT + END,
        "messages streamed": M_START + M_BLOCK + M_END,
    },
    "finish-only": {"chat streamed": ROLE + TEXT + c("{}", '"stop"')},
    "single-newlines": {
        "chat streamed": lines(RIGHT, "\n\n", "\n"),
        "messages streamed": lines(M_RIGHT, "\n\n", "\n"),
    },
    "crlf": {
        "chat streamed": lines(RIGHT, "\n", "\r\n"),
        "messages streamed": lines(M_RIGHT, "\n", "\r\n"),
    },
    "no-space": {
        "chat streamed": lines(RIGHT, "data: ", "data:"),
        "messages streamed": lines(lines(M_RIGHT, "data: ", "data:"), "event: ", "event:"),
    },
    "several-lines": {
        "chat streamed": lines(
            lines(RIGHT, "data: {", "data:{"), '-1","object', '-1",\ndata:"object'
        ),
        "messages streamed": re.sub(
            r'data: (\{"type":"[a-z_]*"),"', r"data:\1," + '\ndata:"', M_RIGHT
        ).replace("data: {", "data:{"),
    },
    "blanks-first": {
        "chat streamed": lines(RIGHT, "data: ", "  data: "),
        "messages streamed": lines(lines(M_RIGHT, "data: ", "  data: "), "event: ", " event: "),
    },
    "filter-first": {
        "chat streamed": FILTER + ROLE + TEXT + data(OFFSETS) + END + DONE,
    },
    "bom": {
        "chat whole": "\ufeff" + whole(),
        "chat streamed": "\ufeff" + RIGHT,
        "messages whole": "\ufeff" + m_whole(),
        "messages streamed": "\ufeff" + M_RIGHT,
    },
    "bad-utf8": {
        "chat whole": whole('"content":"\udcf0\udc9fThe Elbe."'),
        "chat streamed": lines(RIGHT, '"The"', '"\udcf0\udc9fThe"'),
        "messages whole": lines(m_whole(), '"The', '"\udcf0\udc9fThe'),
        "messages streamed": lines(M_RIGHT, '"The"', '"\udcf0\udc9fThe"'),
    },
    "lone-surrogate": {
        "chat whole": whole(r'"content":"\ud83cThe Elbe."'),
        "chat streamed": lines(RIGHT, '"The"', r'"\ud83cThe"'),
        "messages whole": lines(m_whole(), '"The', r'"\ud83cThe'),
        "messages streamed": lines(M_RIGHT, '"The"', r'"\ud83cThe"'),
    },
    "split-emoji": {
        "chat streamed": ROLE
        + c(r'{"content":"\ud83c"}')
        + c(r'{"content":"\udf0a"}')
        + TEXT
        + END
        + DONE,
        "messages streamed": M_START
        + block(0, EMPTY)
        + said(0, r"\ud83c", r"\udf0a")
        + M_TEXT
        + stop(0)
        + M_END
        + M_STOP,
    },
    "infinity": {
        "chat whole": lines(whole(), ',"finish_reason"', f'{LOGPROBS},"finish_reason"'),
        "chat streamed": ROLE
        + lines(TEXT, ',"finish_reason"', f'{LOGPROBS},"finish_reason"')
        + END
        + DONE,
    },
    "utf-16": {
        "chat whole": in_utf16(whole()),
        "messages whole": in_utf16(m_whole()),
    },
    "blank-lines": {
        "chat whole": "\n\n\n\n" + whole(),
        "messages whole": "\n\n\n\n" + m_whole(),
    },
    "trailing-text": {
        "chat whole": f"{whole()}\n\n{DONE}",
        "messages whole": f"{m_whole()}\n\n{DONE}",
    },
    "stream-unasked": {
        "chat whole": ROLE
        + "".join(c(f'{{"content":"{text}"}}') for text in ("The", " El", "be."))
        + END
        + DONE,
        "messages whole": M_START
        + block(0, EMPTY)
        + said(0, "The", " El", "be.")
        + stop(0)
        + M_END
        + M_STOP,
    },
    "stream-as-json": {"chat streamed": RIGHT, "messages streamed": M_RIGHT},
    "json-as-stream": {"chat streamed": whole(), "messages streamed": m_whole()},
    "json-unstreamed": {"chat streamed": whole(), "messages streamed": m_whole()},
    "created": {
        "chat whole": whole(),
        "chat streamed": RIGHT,
        "messages whole": m_whole(),
        "messages streamed": M_RIGHT,
    },
    "same-index": {
        "chat streamed": NO_TOOL
        + c(call("call_a", FIRST_HALF + SECOND_HALF))
        + c(call("call_b", FIRST_HALF + SECOND_HALF))
        + CALLED
    },
    "no-index": {
        "chat streamed": NO_TOOL
        + c(call("call_a", FIRST_HALF, ""))
        + c(f'{{"tool_calls":[{{"function":{{"arguments":"{SECOND_HALF}"}}}}]}}')
        + CALLED
    },
    "said-again": {
        "chat streamed": NO_TOOL
        + c(call("call_a", FIRST_HALF))
        + c(call("call_a", SECOND_HALF))
        + CALLED
    },
    "fresh-ids": {
        "chat streamed": NO_TOOL
        + c(call("call_a", ""))
        + "".join(
            c(
                f'{{"tool_calls":[{{"index":0,"id":"call_{at}","type":"function",'
                f'"function":{{"arguments":"{half}"}}}}]}}'
            )
            for at, half in (("b", FIRST_HALF), ("c", SECOND_HALF))
        )
        + CALLED
    },
    "null-names": {
        "chat streamed": NO_TOOL
        + c(call("call_a", ""))
        + c(
            '{"tool_calls":[{"id":"","type":"function","function":{"name":null,'
            f'"arguments":"{FIRST_HALF}{SECOND_HALF}"}},"index":0}}]}}'
        )
        + CALLED
    },
    "content-parts": {
        "chat whole": whole(f'"content":[{THOUGHT % "The"},{{"type":"text","text":" Elbe."}}]'),
        "chat streamed": ROLE
        + c(f'{{"content":[{THOUGHT % "The"}]}}')
        + c('{"content":[{"type":"text","text":" Elbe"}]}')
        + DOT
        + END
        + DONE,
    },
    "reasoning": {
        "chat whole": whole(f'"content":" Elbe.",{reasoned("The")}'),
        "chat streamed": ROLE + c(f"{{{reasoned('The')}}}") + ELBE + DOT + END + DONE,
    },
    "foreign-events": {
        "chat streamed": ROLE
        + f'{PROGRESS}"tool":"shell","status":"running"}}\n\n'
        + TEXT
        + f'{PROGRESS}"status":"done"}}\n\n'
        + END
        + DONE,
        "messages streamed": M_START
        + f'{PROGRESS}"tool":"shell","status":"running"}}\n\n'
        + block(0, EMPTY)
        + M_TEXT
        + f'{PROGRESS}"status":"done"}}\n\n'
        + stop(0)
        + M_END
        + M_STOP,
    },
    "compaction": {
        "messages streamed": M_START
        + block(0, '{"type":"compaction","content":null}')
        + delta(0, '{"type":"compaction_delta","content":"We spoke of rivers."}')
        + stop(0)
        + block(1, EMPTY)
        + said(1, "The", " Elbe", ".")
        + stop(1)
        + M_END
        + M_STOP
    },
    "thinking": {
        "messages streamed": M_START
        + block(0, '{"type":"thinking","thinking":"","signature":""}')
        + delta(0, '{"type":"thinking_delta","thinking":"Which river is it?"}')
        + delta(0, '{"type":"signature_delta","signature":"c2ln"}')
        + stop(0)
        + block(1, '{"type":"redacted_thinking","data":"ZGF0YQ=="}')
        + stop(1)
        + block(2, EMPTY)
        + said(2, "The", " Elbe", ".")
        + stop(2)
        + M_END
        + M_STOP
    },
    "text-in-start": {
        "messages streamed": M_START
        + block(0, '{"type":"text","text":"The"}')
        + said(0, " Elbe", ".")
        + stop(0)
        + M_END
        + M_STOP
    },
    "usage-floats": with_usage(u(7.0, 3.0, 10.0))
    | m_with_usage('{"input_tokens":7.0,"output_tokens":3.0}'),
    "usage-part-null": with_usage(u("null", 3, 10)),
    "usage-in-choice": {"chat streamed": ROLE + TEXT + USAGE_CHUNK + DONE},
    "usage-in-groq": beside_usage(f'"x_groq":{{"id":"req_1","usage":{USED}}}'),
    "usage-in-gemini": beside_usage(
        '"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":3,"totalTokenCount":10}'
    ),
    "usage-then-null": {
        "chat streamed": ROLE + TEXT + END + data('"choices":[],"usage":null') + DONE
    },
    "usage-then-zero": {
        "chat streamed": ROLE + TEXT + END + data(f'"choices":[],"usage":{u(0, 0, 0)}') + DONE
    },
    "usage-choices-null": {
        "chat streamed": ROLE
        + TEXT
        + c("{}", '"stop"')
        + data(f'"choices":null,"usage":{USED}')
        + DONE
    },
    "usage-each-chunk": {
        "chat streamed": ROLE
        + c('{"content":"The"}', usage=u(7, 1, 8))
        + c('{"content":" Elbe"}', usage=u(7, 2, 9))
        + c('{"content":"."}', usage=USED)
        + END
        + DONE
    },
    "usage-input-zero": {
        "messages streamed": M_START
        + M_BLOCK
        + m_end('{"input_tokens":0,"output_tokens":3}')
        + M_STOP
    },
    "usage-at-end": {
        "messages streamed": m_start('{"input_tokens":0,"output_tokens":0}')
        + M_BLOCK
        + m_end('{"input_tokens":7,"output_tokens":3}')
        + M_STOP
    },
    "usage-begun": {
        "messages streamed": m_start('{"input_tokens":7,"output_tokens":1}')
        + M_BLOCK
        + m_end("{}")
        + M_STOP
    },
    "usage-hidden": with_usage(u(7, 3, 36)),
    "usage-cached-top": with_usage(u(7, 3, 10, ',"cached_tokens":3')),
    "usage-cached-hits": with_usage(
        u(
            *(7, 3, 10),
            ',"prompt_cache_hit_tokens":3,"prompt_cache_miss_tokens":4,'
            '"prompt_tokens_details":{"cached_tokens":0}',
        )
    ),
    "usage-cache-write": with_usage(
        u(
            *(7, 3, 10),
            ',"prompt_tokens_details":{"cached_tokens":0,"cache_creation_tokens":3},'
            '"cache_creation_input_tokens":3,"cache_read_input_tokens":0',
        )
    ),
    "usage-cache-hour": m_with_usage(
        '{"input_tokens":4,"cache_creation_input_tokens":3,"cache_read_input_tokens":0,'
        '"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":3},'
        '"output_tokens":3}'
    ),
    "usage-web-search": m_with_usage(
        '{"input_tokens":7,"output_tokens":3,"server_tool_use":{"web_search_requests":3}}'
    ),
    "usage-cost": with_usage(u(7, 3, 10, ',"cost":1.3e-05'))
    | m_with_usage('{"input_tokens":7,"output_tokens":3,"cost":1.3e-05}'),
}
