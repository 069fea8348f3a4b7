"""The one addition to a user's body: chat streams are asked to end with their usage."""

import re

import msgspec
from msgspec import UNSET, Raw, UnsetType

INCLUDE_USAGE = b'"include_usage":true'


class _Options(msgspec.Struct):
    include_usage: Raw | UnsetType = UNSET


class _BodyOptions(msgspec.Struct):
    stream_options: Raw | UnsetType = UNSET


_decode_body = msgspec.json.Decoder(_BodyOptions).decode
_decode_options = msgspec.json.Decoder(_Options).decode
_decode_members = msgspec.json.Decoder(dict[str, Raw]).decode


def with_usage_requested(body: bytes, options: bytes | None) -> bytes:
    """`body` with `stream_options.include_usage` set to true, unless it has a value.

    Everything else stays byte for byte, and so do stream_options that are not an object.

    Args:
        body: a JSON object with members.
        options: its stream_options as written; None where it has none. `null` counts as none.
    """
    if options is None:
        return body[: body.rindex(b"}")] + b',"stream_options":{' + INCLUDE_USAGE + b"}}"
    if options == b"null":
        return _replaced(body, options, b"{" + INCLUDE_USAGE + b"}")
    if not options.startswith(b"{") or _decode_options(options).include_usage is not UNSET:
        return body
    comma = b"" if options[1:].lstrip() == b"}" else b","
    return _replaced(body, options, b"{" + INCLUDE_USAGE + comma + options[1:])


def _replaced(body: bytes, old: bytes, new: bytes) -> bytes:
    # The decoder doesn't say where a value was. Search for it, and verify that it was this one: the
    # same text may also be nested deeper, or the key be there twice (the last one counts).
    places = list(re.finditer(rb'"stream_options"\s*:\s*' + re.escape(old), body))
    for place in places[-1:] + places[:-1][:1]:
        edited = body[: place.end() - len(old)] + new + body[place.end() :]
        found = _decode_body(edited).stream_options
        if found is not UNSET and bytes(found) == new:
            return edited
    # A key with escapes, or one between others of its name: encode the members again.
    members = {name: bytes(value) for name, value in _decode_members(body).items()}
    members["stream_options"] = new
    return b"{%s}" % b",".join(
        msgspec.json.encode(name) + b":" + value for name, value in members.items()
    )
