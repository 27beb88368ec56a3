"""The CDK's reading of literals in manifests, made safe among threads on CPython 3.11.

There, all threads share the count of levels that `ast.parse` keeps. When the collector runs Python
code while a tree is built, another thread may parse meanwhile, and the first fails with a
SystemError ("AST constructor recursion depth mismatch", CPython issue 106905). Nothing is wrong
with the text: read once more, it is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ingestion.airbyte.cdk import JinjaInterpolation


def read_literals_safely(interpolation: type[JinjaInterpolation]) -> None:
    """Make the CDK read a literal again when another thread disturbed it; in this whole process."""
    read_literal = interpolation._literal_eval

    def read_literal_again(
        self: JinjaInterpolation, result: str | None, valid_types: tuple[type[Any]] | None
    ) -> Any:
        try:
            return read_literal(self, result, valid_types)
        except SystemError:
            return read_literal(self, result, valid_types)

    # The CDK makes its interpolation itself, wherever a manifest has a template: there is no place
    # to hand it one of ours.
    interpolation._literal_eval = read_literal_again  # type: ignore[method-assign]
