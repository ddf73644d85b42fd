"""Whether a text can be an address at all. Nothing is looked up: a name that does not resolve today may tomorrow."""

from urllib.parse import urlsplit

PORT_MAX = 65_535


def is_host_port(text: str) -> bool:
    """Accept "127.0.0.1:18789", "[::1]:18789", "localhost:80"."""
    host, colon, port = text.rpartition(":")
    return bool(host and colon) and port.isascii() and port.isdigit() and 0 < int(port[:6]) <= PORT_MAX


def is_web_address(text: str) -> bool:
    """Accept an http or https URL with a host."""
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def has_credentials(url: str) -> bool:
    """Whether a usable URL carries a user name or password."""
    parts = urlsplit(url)
    return bool(parts.username or parts.password)
