"""Errors of this project, by what the caller does next.

    RemitError
    ├── ConfigurationError   a file or setting is wrong: mend it, then start again
    ├── InvalidRequest       the question is wrong: the message says how to ask it
    ├── NotPermitted         the question is fine, the caller may not ask it
    └── Unavailable          a source or the database did not answer: try again later

The message is written for the person who reads it, and never holds a secret or a record's text.
"""

from __future__ import annotations


class RemitError(Exception):
    """Any error that Remit raises on purpose; its text may be shown to the caller."""


class ConfigurationError(RemitError):
    """A model, policy, connector or setting cannot be used as it stands."""


class InvalidRequest(RemitError):
    """The question cannot be answered as it was asked."""


class NotPermitted(RemitError):
    """The caller may not ask this, whatever the data are."""


class Unavailable(RemitError):
    """Something outside did not answer in time; nothing is wrong with the question."""
