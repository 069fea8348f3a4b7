"""The URL that metrics are read from."""

from urllib.parse import urlsplit

import httpx

from headrace.jobs import InputError

from ..base_url import without_secrets

WRITE = "write it like http://127.0.0.1:8000/metrics"


def checked_scrape_url(text: str) -> str:
    """The URL, where it can be asked without a key. Raises InputError, and shows no secret."""
    text = text.strip()
    shown = without_secrets(text)
    try:
        if not text.isprintable() or " " in text:
            raise ValueError("a blank or a control character")  # which urlsplit drops
        parts = urlsplit(text)
        port_fits = parts.port is None or parts.port > 0
        httpx.URL(text)
    except (ValueError, httpx.InvalidURL) as error:
        raise InputError(f"--scrape {shown} can't be read; {WRITE}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_fits:
        raise InputError(f"--scrape is {shown!r}; {WRITE}")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise InputError(
            "--scrape holds a user name, a query or a #, which are recorded nowhere and sent to "
            f"nobody; {WRITE}"
        )
    return text if parts.path not in ("", "/") else f"{text.rstrip('/')}/metrics"
