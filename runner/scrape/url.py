"""The URL that metrics are read from."""

from headrace.jobs import InputError, http_parts, without_secrets

WRITE = "write it like http://127.0.0.1:8000/metrics"


def checked_scrape_url(text: str) -> str:
    """The URL, where it can be asked without a key. Raises InputError, and shows no secret."""
    text = text.strip()
    shown = without_secrets(text)
    try:
        parts = http_parts(text)
    except ValueError as error:
        raise InputError(f"--scrape {shown} can't be read; {WRITE}") from error
    if parts is None:
        raise InputError(f"--scrape is {shown!r}; {WRITE}")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise InputError(
            "--scrape holds a user name, a query or a #, which are recorded nowhere and sent to "
            f"nobody; {WRITE}"
        )
    return text if parts.path not in ("", "/") else f"{text.rstrip('/')}/metrics"
