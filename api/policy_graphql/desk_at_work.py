"""Who works on policies in one operation, and how their work is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast

from anyio import to_thread
from strawberry.types import Info

from access_policies import Principal
from api.policy_desk import Editor, PolicyDesk
from api.services import Services

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class DeskAtWork:
    """The context of an operation."""

    services: Services
    editor: Editor
    principal: Principal  # of the editor, who has come with a token

    @classmethod
    def of(cls, info: Info) -> DeskAtWork:
        """That of the operation that is being executed."""
        return cast(DeskAtWork, info.context)

    async def run(self, work: Callable[[PolicyDesk, Editor], _Result]) -> _Result:
        """Do the work aside from the event loop, which it would hold up."""
        desk = self.services.policy_desk(self.principal.tenant)
        return await to_thread.run_sync(work, desk, self.editor)
