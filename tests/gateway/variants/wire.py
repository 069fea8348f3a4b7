"""What goes over the wire for the answer "The Elbe.", written by hand, and its parts."""

import re

CHUNK = (
    '"id":"chatcmpl-19eab810560-1","object":"chat.completion.chunk","created":1780993820,'
    '"model":"deepseek-v4-flash"'
)


def choice(delta: str, finish: str = "null", more: str = "") -> str:
    return f'{{"index":0,"delta":{delta},"finish_reason":{finish}{more}}}'


def data(choices: str, more: str = "") -> str:
    return f"data: {{{CHUNK},{choices}{more}}}\n\n"


def c(delta: str, finish: str = "null", usage: str = "") -> str:
    told = f',"usage":{usage}' if usage else ""
    return data(f'"choices":[{choice(delta, finish)}]', told)


def u(given: object, made: object, total: object, more: str = "") -> str:
    return f'{{"prompt_tokens":{given},"completion_tokens":{made},"total_tokens":{total}{more}}}'


USED = u(7, 3, 10)
ROLE = c('{"role":"assistant","content":""}')
THE, ELBE, DOT = (c(f'{{"content":"{text}"}}') for text in ("The", " Elbe", "."))
TEXT = THE + ELBE + DOT
END = c("{}", '"stop"', USED)
DONE = "data: [DONE]\n\n"
RIGHT = ROLE + TEXT + END + DONE


def whole(
    message: str = '"content":"The Elbe."',
    usage: str = USED,
    finish: str = '"stop"',
    more: str = "",
) -> str:
    said = (
        f'{{"index":0,"message":{{"role":"assistant",{message}}},"finish_reason":{finish}{more}}}'
    )
    return completion(f"[{said}]", usage)


def completion(choices: str, usage: str = USED) -> str:
    head = CHUNK.replace(".chunk", "")
    return f'{{{head},"choices":{choices},"usage":{usage}}}'


def e(name: str, fields: str = "") -> str:
    return f'event: {name}\ndata: {{"type":"{name}"{fields and ","}{fields}}}\n\n'


def m_start(usage: str) -> str:
    return e(
        "message_start",
        '"message":{"id":"msg_19eab810560-1","type":"message","role":"assistant",'
        '"model":"deepseek-v4-flash","stop_reason":null,"stop_sequence":null,"content":[],'
        f'"usage":{usage}}}',
    )


def block(index: int, fields: str) -> str:
    return e("content_block_start", f'"index":{index},"content_block":{fields}')


def delta(index: int, fields: str) -> str:
    return e("content_block_delta", f'"index":{index},"delta":{fields}')


def stop(index: int) -> str:
    return e("content_block_stop", f'"index":{index}')


def said(index: int, *texts: str) -> str:
    return "".join(delta(index, f'{{"type":"text_delta","text":"{text}"}}') for text in texts)


def m_end(usage: str) -> str:
    ended = '"delta":{"stop_reason":"end_turn","stop_sequence":null}'
    return e("message_delta", f'{ended},"usage":{usage}')


M_START = m_start('{"input_tokens":7,"output_tokens":0}')
EMPTY = '{"type":"text","text":""}'
M_TEXT = said(0, "The", " Elbe", ".")
M_BLOCK = block(0, EMPTY) + M_TEXT + stop(0)
M_END = m_end('{"output_tokens":3}')
M_STOP = e("message_stop")
M_RIGHT = M_START + M_BLOCK + M_END + M_STOP


def m_whole(usage: str = '{"input_tokens":7,"output_tokens":3}') -> str:
    return (
        '{"id":"msg_19eab810560-1","type":"message","role":"assistant",'
        '"model":"deepseek-v4-flash","stop_reason":"end_turn","stop_sequence":null,'
        f'"content":[{{"type":"text","text":"The Elbe."}}],"usage":{usage}}}'
    )


def m_usage(usage: str) -> tuple[str, str]:
    """Whole and streamed with that usage, which ends in its output tokens."""
    began = re.sub('"output_tokens":[0-9.]+', '"output_tokens":0', usage)
    return m_whole(usage), m_start(began) + M_BLOCK + m_end(usage) + M_STOP


def call(ident: str, arguments: str, index: str = ',"index":0') -> str:
    function = f'{{"name":"read_level","arguments":"{arguments}"}}'
    return f'{{"tool_calls":[{{"id":"{ident}","type":"function","function":{function}{index}}}]}}'


def reasoned(text: str) -> str:
    detail = f'{{"type":"reasoning.text","text":"{text}","format":"river-v1","index":0}}'
    return f'"reasoning":"{text}","reasoning_details":[{detail}]'


NOTHING, ERROR, STOPPED = '{"content":""}', '"error"', '"stop"'
TOLD = f',"usage":{USED}'
LIMITED = "The upstream of this model is rate limited; try again in 2s."
DETAIL = '{"detail":"No worker of this model can be reached."}'
CODE = '{"code":502,"message":"The upstream closed the connection."}'
OBJECT = (
    '{"object":"error","message":"The engine is gone.","type":"InternalServerError",'
    '"param":null,"code":500}'
)
BASE_RESP = '{"base_resp":{"status_code":1002,"status_msg":"rate limit; try again in 2s"}}'
TIMED_OUT = '{"error":{"message":"The model took too long.","type":"Timeout","code":504}}'
NAMED = 'event: error\ndata: {"message":"The upstream went away.","code":502}\n\n'
AFTER = 'event: error\ndata: {"error":{"message":"The connection was recycled.","code":500}}\n\n'
GONE = '"error":{"code":502,"message":"The provider went away."}'
ERROR_CHUNK = data(f'"choices":[{choice(NOTHING, ERROR, "," + GONE)}]')
USAGE_CHUNK = data(f'"choices":[{choice("{}", STOPPED, TOLD)}]')
PAGE = (
    "<!DOCTYPE html>\n<html><head><title>Sign in to the lock-keeper's network</title></head>\n"
    "<body><h1>Welcome ashore</h1><form action='/go'><button>Agree</button></form></body></html>\n"
)
LOGPROBS = (
    ',"logprobs":{"content":[{"token":"The","logprob":-Infinity,'
    '"top_logprobs":[{"token":"A","logprob":NaN}]}]}'
)
NO_TOOL = c('{"role":"assistant","content":null}')
CALLED = c("{}", '"tool_calls"', USED) + DONE
FIRST_HALF, SECOND_HALF = r"{\"gauge\": \"wei", r"r\", \"hours\": 2}"
PROGRESS = 'event: tool.progress\ndata: {"id":"tool-9",'
THOUGHT = '{"type":"thinking","thinking":[{"type":"text","text":"%s"}]}'
FILTER = (
    'data: {"id":"","object":"","created":0,"model":"","choices":[],'
    '"prompt_filter_results":[{"prompt_index":0,"content_filter_results":{}}]}\n\n'
)
OFFSETS = '"choices":[{"index":0,"finish_reason":null,"content_filter_offsets":{"check_offset":1}}]'


def with_usage(usage: str) -> dict[str, str]:
    streamed = ROLE + TEXT + c("{}", '"stop"', usage) + DONE
    return {"chat whole": whole(usage=usage), "chat streamed": streamed}


def beside_usage(told: str) -> dict[str, str]:
    """Whole and streamed with usage null, and told elsewhere."""
    streamed = ROLE + TEXT + data(f'"choices":[{choice("{}", STOPPED)}],{told},"usage":null') + DONE
    return {"chat whole": f"{whole(usage='null')[:-1]},{told}}}", "chat streamed": streamed}


def in_utf16(text: str) -> str:
    """The bytes of a text in UTF-16, as one that was not UTF-8."""
    return text.encode("utf-16").decode("utf-8", "surrogateescape")


def m_with_usage(usage: str) -> dict[str, str]:
    whole_one, streamed = m_usage(usage)
    return {"messages whole": whole_one, "messages streamed": streamed}


def lines(text: str, old: str, new: str) -> str:
    return text.replace(old, new)
