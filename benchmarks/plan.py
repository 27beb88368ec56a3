"""From a caller to the SQL condition on rows, and from policy files to a snapshot.

A plan is the caller's visibility of tickets together with its condition in SQL. Cold, neither was
made before for a caller with these attributes; cached, both were. A snapshot is made once a version
of the policies and process, which is what the first request of a tenant waits for.
"""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial

from sqlalchemy import false

from access_policies import Principal, Snapshot
from benchmarks import desk
from benchmarks.timing import Line, Times, repeat
from index.entity_tables import EntityTables
from semantic_layer import Model
from semantic_layer.place import Frame
from semantic_layer.scope import Scope

RULES, MANY_RULES = 100, 300


def measure(model: Model) -> list[Line]:
    """Time plans at 100 rules, and snapshots at 100 and 300."""
    return [*_plans(model), *_snapshots(model)]


def _plans(model: Model) -> Iterator[Line]:
    snapshot = desk.restricted(model, RULES)
    plan = _planner(model, snapshot)
    people = list(_people(model))
    unseen = iter(people)
    plan(next(unseen))  # what any first statement of a process brings about
    cold = repeat(lambda: plan(next(unseen)), runs=len(people) - 1)
    again = itertools.cycle(people[:20])
    for _ in range(20):
        plan(next(again))
    cached = repeat(lambda: plan(next(again)), runs=3000)
    yield Line(
        what=f"plan, cold, {RULES} rules",
        measured=f"{_ms(cold)}, {cold.p50 / cached.p50:,.0f} ×",
        reference="plan, cached",
        reach="p95 < 5 ms",
    )
    yield Line(
        what=f"plan, cached, {RULES} rules",
        measured=f"p50 {cached.p50 * 1e6:.0f} p95 {cached.p95 * 1e6:.0f} µs"
        f" (cpu {cached.cpu_p50 * 1e6:.0f}, {cached.cpu_p95 * 1e6:.0f})",
        reference="plan, cold",
        reach="p95 < 100 µs",
    )


def _planner(model: Model, snapshot: Snapshot) -> Callable[[Principal], object]:
    tables = EntityTables(model.specs)
    frame = Frame(model.specs, tables, desk.TENANT, desk.NOW, lambda _entity, _table: false())
    entity = model["ticket"]

    def plan(principal: Principal) -> object:
        visibility = snapshot.visibility(principal, entity.name)
        return Scope(frame, entity, visibility, number=0).conditions

    return plan


def _people(model: Model) -> Iterator[Principal]:
    """One for each department and set of regions, so that no two share a visibility."""
    sets = [
        regions
        for size in range(1, len(desk.REGIONS) + 1)
        for regions in itertools.combinations(desk.REGIONS, size)
    ]
    for department, regions in itertools.product(desk.DEPARTMENTS, sets):
        yield desk.principal(model, department, *regions)


def _snapshots(model: Model) -> Iterator[Line]:
    few, many = (desk.restricted_documents(count) for count in (RULES, MANY_RULES))
    reference: Times | None = None
    for count, documents in ((RULES, few), (MANY_RULES, many)):
        times = repeat(partial(desk.snapshot, model, documents), runs=15)
        reference = reference or times
        tracemalloc.start()
        kept = desk.snapshot(model, documents)
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        del kept
        yield Line(
            what=f"snapshot made from files, {count} rules",
            measured=f"{_ms(times)}, {times.p50 / reference.p50:.1f} ×, {size / 2**20:.1f} MiB",
            reference=f"{RULES} rules",
            reach="-",
        )


def _ms(times: Times) -> str:
    """By the clock, and of the processor alone."""
    p50, p95, cpu_p50, cpu_p95 = (
        f"{seconds * 1000:.1f}" for seconds in (times.p50, times.p95, times.cpu_p50, times.cpu_p95)
    )
    return f"p50 {p50} p95 {p95} ms (cpu {cpu_p50}, {cpu_p95})"
