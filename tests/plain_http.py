"""What clients in tests need to know of certificates: nothing."""

from __future__ import annotations

import ssl

NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody, and is there at once: to load the usual authorities for each client takes longer
than what is asked over plain HTTP."""
