"""The steps of a change of policies."""

from __future__ import annotations

import strawberry
from strawberry.types import Info

from api.policy_desk import Editor, PolicyDesk
from api.policy_graphql.change_types import PolicyChange, TestReport
from api.policy_graphql.desk_at_work import DeskAtWork
from api.policy_graphql.shadow_types import Shadow
from api.policy_graphql.version_types import Changes, PolicyVersion


async def _draft(
    info: Info, changes: Changes, reason: str, onto: int | None = None
) -> PolicyVersion:
    def draft(desk: PolicyDesk, editor: Editor) -> PolicyVersion:
        documents = changes.applied(desk.documents(editor)[1])
        return PolicyVersion.of(desk.draft(editor, documents, reason, onto=onto))

    return await DeskAtWork.of(info).run(draft)


async def _test(info: Info, number: int) -> TestReport:
    found = await DeskAtWork.of(info).run(lambda desk, editor: desk.test(editor, number))
    return TestReport.of(found)


async def _preview(info: Info, number: int) -> PolicyChange:
    found = await DeskAtWork.of(info).run(lambda desk, editor: desk.preview(editor, number))
    return PolicyChange.of(found)


async def _approve(info: Info, number: int, reason: str) -> PolicyVersion:
    def approve(desk: PolicyDesk, editor: Editor) -> PolicyVersion:
        desk.approve(editor, number, reason)
        return PolicyVersion.of(desk.version(editor, number))

    return await DeskAtWork.of(info).run(approve)


async def _publish(info: Info, number: int, reason: str) -> int:
    await DeskAtWork.of(info).run(lambda desk, editor: desk.publish(editor, number, reason))
    return number


async def _roll_back(info: Info, reason: str) -> int:
    return await DeskAtWork.of(info).run(lambda desk, editor: desk.rollback(editor, reason))


async def _start_shadow(info: Info, number: int, reason: str, hours: float = 24) -> Shadow:
    found = await DeskAtWork.of(info).run(
        lambda desk, editor: desk.start_shadow(editor, number, reason, hours)
    )
    return Shadow.of(found)


async def _stop_shadow(info: Info, reason: str) -> int | None:
    return await DeskAtWork.of(info).run(lambda desk, editor: desk.stop_shadow(editor, reason))


@strawberry.type
class Mutation:
    """One field for each step."""

    draft_policies: PolicyVersion = strawberry.field(
        resolver=_draft,
        description="Store a new version: what is in force, changed. `onto` is the number of the"
        " version in force that you looked at, null for what a tenant starts with.",
    )
    test_policies: TestReport = strawberry.field(
        resolver=_test, description="Run the tests that stand in a version."
    )
    preview_policies: PolicyChange = strawberry.field(
        resolver=_preview,
        description="Compare a version with what is in force: who gains and loses what.",
    )
    approve_policies: PolicyVersion = strawberry.field(
        resolver=_approve, description="Agree to a version as the second person."
    )
    publish_policies: int = strawberry.field(
        resolver=_publish,
        description="Put a version in force; it counts from the next request on. Gives its number:"
        " under new owners you may not see more of it.",
    )
    roll_back_policies: int = strawberry.field(
        resolver=_roll_back,
        description="Put back the version that was in force before, and give its number.",
    )
    start_policy_shadow: Shadow = strawberry.field(
        resolver=_start_shadow,
        description="Evaluate a version beside the one in force, up to two weeks, without effect.",
    )
    stop_policy_shadow: int | None = strawberry.field(
        resolver=_stop_shadow,
        description="End the shadow; gives its number, or null when there is none.",
    )
