"""Which columns of an entity's table a page of rows has to carry for what is asked of each row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from access_policies import Visibility
from index.predicate import any_rows, attributes
from index.specs import EntitySpec
from semantic_layer.query import Composite, Many, One, Order, Output

_PROVENANCE = ("source", "stream", "remote_id", "remote_url", "synced_at", "live_at")


def needed_columns(
    spec: EntitySpec, visibility: Visibility, outputs: Iterable[Output], orders: Sequence[Order]
) -> list[str]:
    """Column names in a fixed order: the key, what is shown, and what masks and cursors look at."""
    names = dict.fromkeys(("tenant_id", "id", *(order.field for order in orders)))
    for output in outputs:
        names.update(dict.fromkeys(_of_output(spec, visibility, output)))
    return list(names)


def _of_output(spec: EntitySpec, visibility: Visibility, output: Output) -> Iterator[str]:
    if isinstance(output, One):
        yield spec.relations[output.relation].column
    elif isinstance(output, Many):
        return
    elif isinstance(output, Composite) and output.kind == "provenance":
        yield from _PROVENANCE
    elif isinstance(output, Composite):
        yield from (f"{output.name}_minor", f"{output.name}_currency")
        yield from _of_mask(spec, visibility, output.name)
    elif output.kind in ("hidden_fields", "masks"):
        for name in sorted(visibility.masks):
            yield from _of_mask(spec, visibility, name)
    elif output.name:
        yield f"{output.name}_raw" if output.kind == "raw" else output.name
        yield from _of_mask(spec, visibility, output.name)


def _of_mask(spec: EntitySpec, visibility: Visibility, field: str) -> Iterator[str]:
    mask = visibility.masks.get(field)
    for _, applies in mask.levels if mask is not None else ():
        for path in sorted(attributes(applies)):
            yield path[0] if len(path) == 1 else _key(spec, path[0])
        for each in any_rows(applies):
            yield _key(spec, each.path[0])


def _key(spec: EntitySpec, relation: str) -> str:
    """The column by which the rows behind a relation are joined."""
    found = spec.relations[relation]
    return found.column if found.kind == "one" else "id"
