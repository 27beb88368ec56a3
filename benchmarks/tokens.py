"""What an agent pays: tokens of the tool definitions, and of an answer with 25 tickets.

Counted in o200k tokens. The references are the nearest rival's, measured with the same vocabulary:
13,029 for the progressive tool definitions of four connectors, 13,174 for 25 tickets as its SDK
returns them.
"""

from __future__ import annotations

import bpe_openai
import orjson

from api.answer_text import answer_text
from api.mcp_server import TOOLS
from benchmarks.timing import Line
from semantic_layer.resolver import Asked

_RIVAL_TOOLS, _RIVAL_TICKETS = 13_029, 13_174


def count(text: str) -> int:
    """o200k tokens of a text."""
    return len(bpe_openai.get_encoding("o200k_base").encode(text))


def measure(asked: Asked) -> list[Line]:
    """Count the definitions, and an answer, which must hold 25 rows."""
    definitions = orjson.dumps([tool.model_dump(exclude_none=True) for tool in TOOLS]).decode()
    tools = count(definitions)
    answer = count(answer_text(asked))
    return [
        Line(
            what="tool definitions, all sources",
            measured=f"{tools} tokens, {tools / _RIVAL_TOOLS:.3f} ×",
            reference=f"progressive rival {_RIVAL_TOOLS:,}",
            reach="≤ 1,500",
        ),
        Line(
            what="25 tickets answered",
            measured=f"{answer} tokens, {answer / _RIVAL_TICKETS:.3f} ×",
            reference=f"rival {_RIVAL_TICKETS:,}",
            reach="≤ 1,000",
        ),
    ]
