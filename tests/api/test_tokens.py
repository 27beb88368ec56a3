"""No token, a bad one, an expired one: 401, always the same, and never data. A good one is good for
what it says and no more."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from typer.testing import CliRunner

from api.auth import MAX_LIFETIME, Tokens
from api.cli.commands import app
from index.errors import InvalidRequest
from tests.api.site import KEY, TENANT, Site
from tests.plain_http import NO_AUTHORITIES

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
    "another kind of subject": _bearer(lambda: _signed(sub_type="service")),
    "a kind of subject that is a list": _bearer(lambda: _signed(sub_type=["agent"])),
    "an agent for an agent": _bearer(lambda: _signed(sub_type="agent", act={"sub": "helper"})),
    "an unknown scope": _bearer(lambda: _signed(scope="read write")),
    "a scope of another case": _bearer(lambda: _signed(scope="Read")),
    "a scope without an entity": _bearer(lambda: _signed(scope="read:")),
    "a scope for a pattern": _bearer(lambda: _signed(scope="read:*")),
    "a scope with a line break": _bearer(lambda: _signed(scope="read\n")),
    "an empty scope": _bearer(lambda: _signed(scope="")),
    "scopes with two spaces between": _bearer(lambda: _signed(scope="read  policy")),
    "a scope that is a list": _bearer(lambda: _signed(scope=["read"])),
    "a purpose that is a number": _bearer(lambda: _signed(purpose=7)),
    "no tenant": _bearer(lambda: _signed(tenant=None)),
    "an unknown tenant": _bearer(lambda: _signed(tenant="another-company")),
}


@pytest.mark.parametrize("path", ["/graphql", "/mcp", "/nothing-here"])
@pytest.mark.parametrize("headers", REFUSED.values(), ids=REFUSED.keys())
def test_every_refusal_is_the_same(
    site: Site, path: str, headers: Callable[[], list[tuple[str, str]]]
) -> None:
    answer = httpx.post(
        site.url + path, json=_QUERY, headers=headers(), trust_env=False, verify=NO_AUTHORITIES
    )
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


def _seen(site: Site, token: str) -> int:
    """How many customers there are for a token, none also where there is nothing to ask for."""
    headers = {"authorization": f"Bearer {token}"}
    answer = httpx.post(f"{site.url}/graphql", json=_QUERY, headers=headers, trust_env=False)
    assert answer.status_code == 200
    data = answer.json().get("data") or {"customers": {"totalCount": 0}}
    count: int = data["customers"]["totalCount"]
    return count


# The claims of a token, and whether it sees customers: maya does, and nothing is granted to the
# helper itself.
SEEN: dict[str, tuple[dict[str, Any], bool]] = {
    "a user": ({}, True),
    "an agent for a user": ({"act": {"sub": "helper"}, "purpose": "support"}, True),
    "a scope for everything": ({"scope": "read"}, True),
    "a scope for customers": ({"scope": "read:ticket read:customer"}, True),
    "a scope for tickets": ({"scope": "read:ticket"}, False),
    "a scope for what there is not": ({"scope": "read:flurb"}, False),
    "a scope for policies alone": ({"scope": "policy"}, False),
    "a scope for policies as well": ({"scope": "policy read"}, True),
    "an agent on its own": ({"sub": "helper", "sub_type": "agent"}, False),
    "an agent that is named like a user": ({"sub": "maya", "sub_type": "agent"}, False),
    # Attributes come from the directory, whatever a token says.
    "a user with attributes of its own": (
        {"sub": "nobody", "department": "support", "regions": ["EMEA"]},
        False,
    ),
}


@pytest.mark.parametrize(("claims", "sees"), SEEN.values(), ids=SEEN.keys())
def test_a_good_token_is_good_for_what_it_says(
    site: Site, claims: dict[str, Any], sees: bool
) -> None:
    assert (_seen(site, _signed(**claims)) > 0) is sees


# What is asked for, and what the token then says: user, agent, purpose and scopes.
ISSUED: dict[str, tuple[list[str], tuple[object, ...]]] = {
    "a user": (["--user", "maya"], ("maya", None, None, None)),
    "an agent for a user": (
        ["--user", "maya", "--agent", "bot", "--purpose", "support"],
        ("maya", "bot", "support", None),
    ),
    "an agent on its own": (["--agent", "bot"], (None, "bot", None, None)),
    "scopes": (
        ["--user", "maya", "--scope", "read:ticket", "--scope", "policy"],
        ("maya", None, None, frozenset({"read:ticket", "policy"})),
    ),
}


@pytest.mark.parametrize(("options", "said"), ISSUED.values(), ids=ISSUED.keys())
def test_a_token_says_what_it_was_issued_for(
    options: list[str], said: tuple[object, ...], tmp_path: Path
) -> None:
    variables = {"REMIT_HOME": str(tmp_path), "REMIT_TOKEN_KEY": KEY, "REMIT_TENANT": "acme"}
    result = CliRunner().invoke(app, ["token", *options], env=variables)
    assert result.exception is None
    claims = Tokens(KEY.encode()).verify(result.stdout.strip())
    assert (claims.user, claims.agent, claims.purpose, claims.scopes) == said
    assert claims.tenant == "acme"


# What is asked for, and the word that says what is wrong with it.
NOT_ISSUED: dict[str, tuple[list[str], str]] = {
    "nobody": ([], "--user"),
    "an unknown scope": (["--user", "maya", "--scope", "write"], "'write'"),
    "two scopes in one": (["--user", "maya", "--scope", "read policy"], "'read policy'"),
    "an entity that is not there": (["--user", "maya", "--scope", "read:tickt"], "'tickt'"),
    "an agent without a name": (["--agent", ""], "agent"),
    "a purpose that nobody can read": (["--user", "maya", "--purpose", "a\nb"], "purpose"),
    "a token longer than any that is taken": (
        ["--user", "maya", *(f"--scope=read:entity_{number}" for number in range(300))],
        "Shorten",
    ),
}


@pytest.mark.parametrize(("options", "word"), NOT_ISSUED.values(), ids=NOT_ISSUED.keys())
def test_a_token_that_would_be_refused_is_not_issued(
    options: list[str], word: str, tmp_path: Path
) -> None:
    variables = {"REMIT_HOME": str(tmp_path), "REMIT_TOKEN_KEY": KEY}
    result = CliRunner().invoke(app, ["token", *options], env=variables)
    assert isinstance(result.exception, InvalidRequest)
    assert word in str(result.exception)
    assert result.stdout == ""


def test_health_needs_no_token_and_tells_nothing(site: Site) -> None:
    assert httpx.get(f"{site.url}/health", trust_env=False).json() == {"status": "alive"}
    ready = httpx.get(f"{site.url}/ready", trust_env=False)
    assert ready.status_code == 200
    assert ready.json().keys() == {"status", "policies", "disagreements"}
