"""What a GraphQL operation may not exceed, and what its errors may say.

These are extensions of the schema itself, so they hold for every door that executes it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from graphql import GraphQLError
from strawberry.extensions import (
    AddValidationRules,
    MaskErrors,
    MaxAliasesLimiter,
    MaxTokensLimiter,
    QueryDepthLimiter,
    SchemaExtension,
)

from api.errors import INTERNAL, INVALID_REQUEST, code_of, incident
from index.errors import RemitError
from semantic_layer.splice import Ambiguous

MAX_DEPTH = 10
MAX_ALIASES = 30
MAX_TOKENS = 2_000

# Made once, not for every operation: what was validated is remembered by its rules.
_RULES = [
    *QueryDepthLimiter(max_depth=MAX_DEPTH).validation_rules,
    *MaxAliasesLimiter(max_alias_count=MAX_ALIASES).validation_rules,
]

# graphql-core proposes names that it knows; strawberry only takes away those of fields.
_SUGGESTION = re.compile(r"\s*Did you mean [^?]*\?")


def limits() -> list[Callable[[], SchemaExtension]]:
    """The extensions of a schema that is open to callers, each made anew for every operation."""
    return [
        lambda: AddValidationRules(_RULES),
        lambda: MaxTokensLimiter(max_token_count=MAX_TOKENS),
        PublicErrors,
    ]


class PublicErrors(MaskErrors):
    """Puts `public_error` in the place of every error of an operation."""

    def anonymise_error(self, error: GraphQLError) -> GraphQLError:
        return public_error(error)


def public_error(error: GraphQLError) -> GraphQLError:
    """The error as a caller may see it, with a code; one that has a code stays as it is.

    Remit's own errors and those of the question itself pass. Any other becomes an incident: the
    caller gets its id, the log its cause.
    """
    if "code" in (error.extensions or {}):
        return error
    original = error.original_error
    if isinstance(original, RemitError):
        extensions: dict[str, Any] = {"code": code_of(original)}
        if isinstance(original, Ambiguous):
            extensions["candidates"] = list(original.candidates)
        return _rewritten(error, str(original), extensions, original)
    if _is_about_the_question(error):
        message = _SUGGESTION.sub("", error.message)
        return _rewritten(error, message, {"code": INVALID_REQUEST}, None)
    message = incident("a GraphQL operation", original or error)
    return _rewritten(error, message, {"code": INTERNAL}, None)


def _is_about_the_question(error: GraphQLError) -> bool:
    """Whether the error was found before execution began: syntax, validation, variables."""
    if error.path is not None:
        return False
    return error.original_error is None or bool(error.nodes)


def _rewritten(
    error: GraphQLError, message: str, extensions: dict[str, Any], original: RemitError | None
) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        original_error=original,
        extensions=extensions,
    )
