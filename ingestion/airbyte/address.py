"""Where a link in an answer leads: credentials go to no other host than the one that was asked."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from urllib3.util import parse_url

_PORTS = {"http": 80, "https": 443}

_Origin = tuple[str | None, str, int | None]
"""Scheme, host and port."""


class LeadsElsewhere(Exception):
    """An answer named an address on another host; the text says as what, and not which."""


def leads_elsewhere(address: str, link: str) -> bool:
    """Whether a link in the answer from that address goes to another scheme, host or port.

    What no request can be sent to, such as a token with a colon in it, goes nowhere.
    """
    try:
        target = urljoin(address, link.strip())
        if urlsplit(target).scheme not in _PORTS:
            return False
        asked = _as_split(address)
        # requests takes apart some addresses by the one and some by the other, and they differ
        # about odd ones, so both have to say the same.
        return _as_split(target) != asked or _as_sent(target) != asked
    except ValueError:  # also what urllib3 raises
        return True


def _as_split(url: str) -> _Origin:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme)


def _as_sent(url: str) -> _Origin:
    parts = parse_url(url)
    scheme = parts.scheme or ""
    return scheme, (parts.host or "").strip("[]").lower(), parts.port or _PORTS.get(scheme)
