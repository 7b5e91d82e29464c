"""Completing what a person types for a prompt or an address: names and ids that there are."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import mcp_types as types
from mcp.server.context import ServerRequestContext

from opstwin.control.tainting import Quoted
from opstwin.errors import OpstwinError
from opstwin.prompts.loading import prompts
from opstwin.server.mcp.calling import caller_of
from opstwin.server.mcp.prompting import FOLDER
from opstwin.tools import guard
from opstwin.tools.registry import Caller, Registry
from opstwin.tools.services import Services
from opstwin.tools.untrusted import cleaned

MAX_VALUES: Final = 100
"""The most that the protocol allows in one answer."""

MAX_LETTERS: Final = 200

_SLOTS: Final[Mapping[str, str]] = {
    "target": "target", "kind": "kind", "name": "resource", "plan": "plan", "execution": "execution",
}  # fmt: skip
"""What the blanks of the addresses hold."""


@dataclass(frozen=True, slots=True)
class Completing:
    """Completes for all callers, from what each may read."""

    services: Services
    registry: Registry

    async def complete(
        self, context: ServerRequestContext[Any, Any], params: types.CompleteRequestParams
    ) -> types.CompleteResult:
        """Values that begin with what was typed, then those that hold it. Unknown blanks have none."""
        kind = _kind_of(params)
        given = (params.context.arguments if params.context else None) or {}
        caller = caller_of(context)
        values = await self._values(kind, caller, given) if kind else []
        fitting = _fitting([value for value in values if self._is_plain(value)], params.argument.value)
        shown = fitting[:MAX_VALUES]
        await self.services.taints.note(caller, Quoted("names that targets gave", tuple(shown)))
        completion = types.Completion(values=shown, total=len(fitting), has_more=len(fitting) > len(shown))
        return types.CompleteResult(completion=completion)

    def _is_plain(self, value: str) -> bool:
        """Whether a name can be given as it is: one that hides something, or holds a secret, is left out."""
        return cleaned(value, limit=MAX_LETTERS, one_line=True, cover=self.services.veil.over) == value

    async def _values(self, kind: str, caller: Caller, given: Mapping[str, str]) -> list[str]:
        sources: Mapping[str, Callable[[], Awaitable[list[str]]]] = {
            "target": lambda: self._column("targets_list", caller, {}, "id"),
            "workload": lambda: self._column("workloads_list", caller, {}, "name"),
            "plan": lambda: self._column("plans_list", caller, {}, "id"),
            "execution": lambda: self._column("executions_list", caller, {}, "id"),
            "kind": lambda: self._column("resources_list", caller, _narrowed(given, "target"), "kind"),
            "resource": lambda: self._column("resources_list", caller, _narrowed(given, "target", "kind"), "name"),
            "name": lambda: self._column("resources_list", caller, {"managed": True}, "id"),
        }
        return await sources[kind]() if kind in sources else []

    async def _column(self, tool: str, caller: Caller, asked: dict[str, Any], field: str) -> list[str]:
        try:
            found = await guard.call(self.registry[tool], self.services, caller, asked)
        except OpstwinError:
            # A blank that is filled in wrongly, or may not be read, has no values; typing goes on.
            return []
        return list(dict.fromkeys(str(item[field]) for item in found["items"]))


def _kind_of(params: types.CompleteRequestParams) -> str | None:
    name = params.argument.name
    if isinstance(params.ref, types.ResourceTemplateReference):
        return _SLOTS.get(name)
    prompt = prompts(FOLDER).get(params.ref.name)
    arguments = prompt.arguments if prompt else ()
    return next((item.kind for item in arguments if item.name == name), None)


def _narrowed(given: Mapping[str, str], *names: str) -> dict[str, Any]:
    return {name: given[name] for name in names if given.get(name)}


def _fitting(values: list[str], typed: str) -> list[str]:
    word = typed.casefold()
    first = [value for value in values if value.casefold().startswith(word)]
    return first + [value for value in values if word in value.casefold() and value not in set(first)]
