"""What administrators and owners can ask: what policies stand and would be, and how sources do."""

from __future__ import annotations

from uuid import UUID

import strawberry
from strawberry.types import Info

from access_policies import PolicyError
from api.policy_desk import Editor, PolicyDesk
from api.policy_graphql.desk_at_work import DeskAtWork
from api.policy_graphql.explanation_types import Explanation
from api.policy_graphql.shadow_types import Shadow, ShadowDifference
from api.policy_graphql.source_types import SourceStream
from api.policy_graphql.version_types import Changes, PolicyCheck, PolicyEvent, PolicyVersion
from index.errors import InvalidRequest
from ingestion.schedule.stream_health import StreamHealth, stream_health

MOST_LISTED = 500


async def _versions(info: Info, limit: int = 50) -> list[PolicyVersion]:
    most = _limit(limit)
    found = await DeskAtWork.of(info).run(lambda desk, editor: desk.listed(editor, most))
    return [PolicyVersion.of(each) for each in found]


async def _version(info: Info, number: int | None = None) -> PolicyVersion | None:
    def find(desk: PolicyDesk, editor: Editor) -> PolicyVersion | None:
        wanted = number if number is not None else desk.documents(editor)[0]
        return None if wanted is None else PolicyVersion.of(desk.version(editor, wanted))

    return await DeskAtWork.of(info).run(find)


async def _history(info: Info, limit: int = 50, number: int | None = None) -> list[PolicyEvent]:
    most = _limit(limit)
    found = await DeskAtWork.of(info).run(lambda desk, editor: desk.history(editor, most, number))
    return [PolicyEvent.of(each) for each in found]


async def _check(info: Info, changes: Changes) -> PolicyCheck:
    def check(desk: PolicyDesk, editor: Editor) -> PolicyCheck:
        documents = changes.applied(desk.documents(editor)[1])
        try:
            return PolicyCheck.of(desk.check(editor, documents))
        except PolicyError as error:
            return PolicyCheck(usable=False, problems=list(error.problems), findings=[])

    return await DeskAtWork.of(info).run(check)


async def _shadow(info: Info) -> Shadow | None:
    found = await DeskAtWork.of(info).run(lambda desk, editor: desk.shadow(editor))
    return None if found is None else Shadow.of(found)


async def _differences(info: Info, number: int, limit: int = 100) -> list[ShadowDifference]:
    most = _limit(limit)
    found = await DeskAtWork.of(info).run(
        lambda desk, editor: desk.shadow_differences(editor, number, most)
    )
    return [ShadowDifference.of(each) for each in found]


async def _sources(info: Info) -> list[SourceStream]:
    at = DeskAtWork.of(info)

    def find(desk: PolicyDesk, editor: Editor) -> tuple[StreamHealth, ...]:
        desk.require_administrator(editor)
        with at.services.database.writing() as connection:
            return stream_health(connection, desk.tenant)

    return [SourceStream.of(each) for each in await at.run(find)]


async def _explain(
    info: Info,
    entity: str,
    id: UUID,
    user: str | None = None,
    agent: str | None = None,
    purpose: str | None = None,
) -> Explanation | None:
    if user is None and agent is None:
        raise InvalidRequest("Name the user or the agent, or both, whose view is to be explained.")
    at = DeskAtWork.of(info)
    await at.run(lambda desk, editor: desk.require(editor, "explain", entity))
    context = await at.services.context(at.principal.tenant, user, agent, purpose)
    found = await at.services.reader.explain(context, entity, id, asker=at.principal)
    return None if found is None else Explanation.of(found)


@strawberry.type
class Query:
    """One field for each question."""

    policy_versions: list[PolicyVersion] = strawberry.field(
        resolver=_versions, description="The newest versions, the newest first."
    )
    policy_version: PolicyVersion | None = strawberry.field(
        resolver=_version,
        description="A version, or the one in force; null while that is what a tenant starts with.",
    )
    policy_history: list[PolicyEvent] = strawberry.field(
        resolver=_history, description="The newest events, of one version or of all."
    )
    check_policies: PolicyCheck = strawberry.field(
        resolver=_check,
        description="Whether what is in force, changed like this, could be used. Stores nothing.",
    )
    policy_shadow: Shadow | None = strawberry.field(
        resolver=_shadow, description="The version that is evaluated beside the one in force."
    )
    policy_shadow_differences: list[ShadowDifference] = strawberry.field(
        resolver=_differences,
        description="What reads would have shown otherwise under a version that is or was a"
        " shadow, the most frequent first.",
    )
    sources: list[SourceStream] = strawberry.field(
        resolver=_sources,
        description="How the streams of all sources do; for administrators.",
    )
    explain: Explanation | None = strawberry.field(
        resolver=_explain,
        description="Why a user, an agent for them, or an agent on its own sees a row or not; null"
        " when there is no such row. Shows the values that you may see.",
    )


def _limit(limit: int) -> int:
    if not 1 <= limit <= MOST_LISTED:
        raise InvalidRequest(f"`limit` is from 1 to {MOST_LISTED}.")
    return limit
