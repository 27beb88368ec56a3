"""No token, a bad one, an expired one: 401, always the same, and never data."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from api.auth import MAX_LIFETIME
from tests.api.site import KEY, TENANT, Site

_QUERY = {"query": "{ customers { totalCount } }"}


def _claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    claims = {
        "iss": "remit",
        "aud": "remit",
        "sub": "maya",
        "tenant": TENANT,
        "iat": now,
        "exp": now + 600,
        "jti": "one",
        **changed,
    }
    return {name: value for name, value in claims.items() if value is not None}


def _signed(key: str = KEY, algorithm: str = "HS256", **changed: Any) -> str:
    header = {"alg": algorithm}
    signing = OctKey.import_key(key)
    return jwt.encode(header, _claims(**changed), signing, algorithms=[algorithm])


def _unsigned() -> str:
    parts = (json.dumps(part).encode() for part in ({"alg": "none", "typ": "JWT"}, _claims()))
    encoded = (base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    return ".".join(encoded) + "."


def _tampered() -> str:
    """Maya's signature under claims that name somebody else."""
    header, _, signature = _signed().split(".")
    claims = base64.urlsafe_b64encode(json.dumps(_claims(sub="omar")).encode())
    return ".".join((header, claims.rstrip(b"=").decode(), signature))


def _bearer(make: Callable[[], str]) -> Callable[[], list[tuple[str, str]]]:
    return lambda: [("authorization", f"Bearer {make()}")]


REFUSED: dict[str, Callable[[], list[tuple[str, str]]]] = {
    "no header": list,
    "an empty header": lambda: [("authorization", "")],
    "another scheme": lambda: [("authorization", "Basic bWF5YTptYXlh")],
    "a scheme without a token": lambda: [("authorization", "Bearer")],
    "two headers": lambda: [("authorization", f"Bearer {_signed()}")] * 2,
    "no token at all": _bearer(lambda: "maya"),
    "a part missing": _bearer(lambda: _signed().rpartition(".")[0]),
    "longer than any of ours": _bearer(lambda: _signed(padding="x" * 5_000)),
    "no signature, and says so": _bearer(_unsigned),
    "changed after signing": _bearer(_tampered),
    "another key": _bearer(lambda: _signed(key="another-key-that-is-long-enough-to-sign")),
    "another algorithm": _bearer(lambda: _signed(algorithm="HS512")),
    "expired": _bearer(lambda: _signed(iat=int(time.time()) - 900, exp=int(time.time()) - 300)),
    "never expires": _bearer(lambda: _signed(exp=None)),
    "good for longer than allowed": _bearer(
        lambda: _signed(exp=int(time.time() + MAX_LIFETIME.total_seconds()) + 60)
    ),
    "issued in the future": _bearer(lambda: _signed(iat=int(time.time()) + 300)),
    "not yet good": _bearer(lambda: _signed(nbf=int(time.time()) + 300)),
    "another audience": _bearer(lambda: _signed(aud="another-service")),
    "no audience": _bearer(lambda: _signed(aud=None)),
    "another issuer": _bearer(lambda: _signed(iss="somebody")),
    "nobody": _bearer(lambda: _signed(sub=None)),
    "an empty name": _bearer(lambda: _signed(sub="")),
    "a name that is a list": _bearer(lambda: _signed(sub=["maya"])),
    "a name with a NUL": _bearer(lambda: _signed(sub="maya\x00")),
    "an agent that is no object": _bearer(lambda: _signed(act="helper")),
    "an agent without a name": _bearer(lambda: _signed(act={})),
    "a purpose that is a number": _bearer(lambda: _signed(purpose=7)),
    "no tenant": _bearer(lambda: _signed(tenant=None)),
    "an unknown tenant": _bearer(lambda: _signed(tenant="another-company")),
}


@pytest.mark.parametrize("path", ["/graphql", "/mcp", "/nothing-here"])
@pytest.mark.parametrize("headers", REFUSED.values(), ids=REFUSED.keys())
def test_every_refusal_is_the_same(
    site: Site, path: str, headers: Callable[[], list[tuple[str, str]]]
) -> None:
    answer = httpx.post(site.url + path, json=_QUERY, headers=headers(), trust_env=False)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json() == {
        "errors": [
            {
                "message": "A valid bearer token is needed.",
                "extensions": {"code": "UNAUTHENTICATED"},
            }
        ]
    }


def test_the_tokens_above_would_be_good_otherwise(site: Site) -> None:
    headers = {"authorization": f"Bearer {_signed(act={'sub': 'helper'}, purpose='support')}"}
    answer = httpx.post(f"{site.url}/graphql", json=_QUERY, headers=headers, trust_env=False)
    assert answer.status_code == 200
    assert answer.json()["data"]["customers"]["totalCount"] > 0


def test_attributes_in_a_token_mean_nothing(site: Site) -> None:
    token = _signed(sub="nobody", department="support", regions=["EMEA"])
    headers = {"authorization": f"Bearer {token}"}
    answer = httpx.post(f"{site.url}/graphql", json=_QUERY, headers=headers, trust_env=False)
    assert answer.json() == {"data": {"customers": {"totalCount": 0}}}


def test_health_needs_no_token_and_tells_nothing(site: Site) -> None:
    assert httpx.get(f"{site.url}/health", trust_env=False).json() == {"status": "alive"}
    ready = httpx.get(f"{site.url}/ready", trust_env=False)
    assert ready.status_code == 200
    assert ready.json().keys() == {"status", "policies"}
