"""Keeps the process's own logging when the Airbyte CDK is first imported.

The CDK closes the root logger's handlers, and puts one in their place that writes Airbyte messages
to standard output, where they would break an MCP conversation too.
"""

from __future__ import annotations

import logging.config

_configure = logging.config.dictConfig
# Left out rather than undone: other threads may be logging at this moment.
logging.config.dictConfig = lambda _: None  # type: ignore[assignment]
try:
    import airbyte_cdk.entrypoint  # noqa: F401
finally:
    logging.config.dictConfig = _configure
