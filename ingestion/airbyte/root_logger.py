"""Keeps the process's own logging when the Airbyte CDK is first imported.

The CDK replaces the root logger's handlers with one that writes Airbyte messages to standard
output, where they would break an MCP conversation too. Imported before all else of this package.
"""

from __future__ import annotations

import logging

_handlers = list(logging.root.handlers)

import airbyte_cdk.entrypoint  # noqa: E402, F401

logging.root.handlers[:] = _handlers
