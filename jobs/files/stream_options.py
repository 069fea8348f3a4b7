"""The one addition to a user's body: a chat stream is asked to end with its usage."""

import re

import msgspec
from msgspec import UNSET, Raw, UnsetType

ASKED = b'"include_usage":true'


class _Options(msgspec.Struct):
    include_usage: Raw | UnsetType = UNSET


class _Body(msgspec.Struct):
    stream_options: Raw | UnsetType = UNSET


_decode_body = msgspec.json.Decoder(_Body).decode
_decode_options = msgspec.json.Decoder(_Options).decode
_decode_members = msgspec.json.Decoder(dict[str, Raw]).decode


def with_usage_asked(body: bytes, options: bytes | None) -> bytes:
    """`body`, a JSON object with members, with `stream_options.include_usage` set.

    `options` is its stream_options as written, or None without one. An include_usage of any value
    stays as it is, and so do options that are no object; null counts as none. Everything else stays
    byte for byte.
    """
    if options is None:
        return body[: body.rindex(b"}")] + b',"stream_options":{' + ASKED + b"}}"
    if options == b"null":
        return _replaced(body, options, b"{" + ASKED + b"}")
    if not options.startswith(b"{") or _decode_options(options).include_usage is not UNSET:
        return body
    comma = b"" if options[1:].lstrip() == b"}" else b","
    return _replaced(body, options, b"{" + ASKED + comma + options[1:])


def _replaced(body: bytes, old: bytes, new: bytes) -> bytes:
    # The decoder doesn't tell where a value was. Look for it, and check that it was that one: the
    # same text may stand deeper down, or the key be there twice (the last one counts).
    places = list(re.finditer(rb'"stream_options"\s*:\s*' + re.escape(old), body))
    for place in places[-1:] + places[:-1][:1]:
        edited = body[: place.end() - len(old)] + new + body[place.end() :]
        found = _decode_body(edited).stream_options
        if found is not UNSET and bytes(found) == new:
            return edited
    # A key with escapes in it, or one hidden between others: write the members anew.
    members = {name: bytes(value) for name, value in _decode_members(body).items()}
    members["stream_options"] = new
    return b"{%s}" % b",".join(
        msgspec.json.encode(name) + b":" + value for name, value in members.items()
    )
