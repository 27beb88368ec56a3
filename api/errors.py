"""What callers are told of errors: ours in full, any other by an id that the log explains."""

from __future__ import annotations

import logging
import secrets

from graphql import GraphQLError

from access_policies import PolicyError
from index.errors import (
    ConfigurationError,
    InvalidRequest,
    NotPermitted,
    RemitError,
    Unavailable,
)
from semantic_layer.splice import Ambiguous

_log = logging.getLogger(__name__)

INVALID_REQUEST = "INVALID_REQUEST"
AMBIGUOUS = "AMBIGUOUS"
NOT_PERMITTED = "NOT_PERMITTED"
UNAVAILABLE = "UNAVAILABLE"
INTERNAL = "INTERNAL"

# The first that fits: Ambiguous is an InvalidRequest too, and PolicyError a ConfigurationError.
_CODES: tuple[tuple[type[RemitError], str], ...] = (
    (Ambiguous, AMBIGUOUS),
    (InvalidRequest, INVALID_REQUEST),
    (NotPermitted, NOT_PERMITTED),
    (Unavailable, UNAVAILABLE),
    (PolicyError, INVALID_REQUEST),
    (ConfigurationError, UNAVAILABLE),
)


def code_of(error: RemitError) -> str:
    """The code by which programs tell errors apart."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), INTERNAL)


def public_text(what: str, error: BaseException) -> str:
    """The text of an error for whoever asked; one that is not ours is logged as an incident."""
    if isinstance(error, RemitError):
        return str(error)
    if isinstance(error, GraphQLError) and (error.extensions or {}).get("code") is not None:
        return error.message  # the schema's own extension has been here
    return incident(what, error)


def incident(what: str, error: BaseException) -> str:
    """Log an unexpected error under an id, and give the text that names no more than the id."""
    number = secrets.token_hex(4)
    # The message may repeat a value of a row; the type and the place are what one needs to mend it.
    frames = _places(error)
    _log.error("incident %s in %s: %s at %s", number, what, type(error).__name__, frames)
    return (
        f"Internal error {number}. Nothing is wrong with the question; an operator finds the cause"
        " in the log."
    )


def _places(error: BaseException) -> str:
    """Where it happened: the innermost frames, as file:line, without any text of the error."""
    places = []
    frame = error.__traceback__
    while frame is not None:
        code = frame.tb_frame.f_code
        places.append(f"{code.co_filename}:{frame.tb_lineno} {code.co_name}")
        frame = frame.tb_next
    return " > ".join(places[-4:]) or "an unknown place"
