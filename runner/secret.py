"""A key in memory: it goes into one header and nowhere else."""

REDACTED = "***"


class Secret:
    """Holds a key so that printing, logging or formatting it by mistake shows nothing."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The key itself, for the request's header."""
        return self._value

    def redact(self, text: str) -> str:
        """`text` without the key, should a server have echoed it."""
        return text.replace(self._value, REDACTED) if self._value in text else text

    def redact_bytes(self, data: bytes) -> bytes:
        """The same for a body before it is read."""
        return data.replace(self._value.encode(), REDACTED.encode())

    def __repr__(self) -> str:
        return f"Secret({REDACTED})"

    __str__ = __repr__
