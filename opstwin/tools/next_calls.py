"""Next steps as an AI client takes them: calls of tools in the place of commands.

A model that reads `opstwin get` looks for a shell, where it would act as the person. Commands that are a person's alone
(approve, adopt, people, targets add …) stay as they are: they are for the human to run.
"""

import re
from collections.abc import Callable
from typing import Final

_ID: Final = r"[A-Za-z0-9][A-Za-z0-9_.:@/-]*[A-Za-z0-9]"
_TARGET: Final = r"(?: (?:--target )?(?P<id>[a-z0-9][a-z0-9-]*(?![\w…])|<target>))"

_Written = str | Callable[[re.Match[str]], str]


def _at_target(tool: str) -> Callable[[re.Match[str]], str]:
    """A call on the target that the command names, or on one that is still to be named."""

    def written(found: re.Match[str]) -> str:
        named = found["id"]
        return f"{tool}(id={named})" if named and named != "<target>" else f"{tool}(id=…)"

    return written


_CALLS: Final[tuple[tuple[str, _Written], ...]] = (
    (r"get plans", "approvals_list()"),
    (r"get executions", "history_search()"),
    (r"get workloads", "twin_query()"),
    (rf"get --target (?P<id>{_ID})", r"twin_query(target=\g<id>)"),
    (rf"get (?P<id>{_ID}/{_ID})", r"twin_get(id=\g<id>)"),
    (r"get -o json", "twin_get(id=…, response_format=detailed)"),
    (r"get\b", "twin_query()"),
    (r"targets list", "twin_query()"),
    (rf"targets test{_TARGET}?", _at_target("discover")),
    (rf"discover{_TARGET}?", _at_target("discover")),
    (rf"plan (?P<id>\"[^\"]*\") --target (?P<target>{_ID})", r"plan_create(words=\g<id>, target=\g<target>)"),
    (r"plan (?P<id>\"[^\"]*\")", r"plan_create(words=\g<id>)"),
    (rf"plan --drift --target (?P<id>{_ID})", r"plan_create(drift=true, target=\g<id>)"),
    (r"plan --drift\b", "plan_create(drift=true)"),
    (r"plan (?:-f )?…", "plan_create(…)"),
    (rf"show (?P<id>plan_{_ID})", r"plan_show(id=\g<id>)"),
    (rf"show (?P<id>exec_{_ID})", r"execution_get(id=\g<id>)"),
    (rf"watch (?P<id>exec_{_ID})", r"execution_get(id=\g<id>, wait_s=50)"),
    (r"watch\b", "execution_get(id=…, wait_s=50)"),
    (r"drift\b", "drift_explain()"),
    (r"history\b", "history_search()"),
    (rf"logs (?P<id>{_ID})", r"logs_search(subject=\g<id>)"),
    (r"logs\b", "logs_search(subject=…)"),
)
_COMPILED: Final = tuple((re.compile(rf"\bopstwin {command}"), call) for command, call in _CALLS)


def as_calls(step: str) -> str:
    """`step` with each command that has a tool written as the call of that tool."""
    for command, call in _COMPILED:
        step = command.sub(call, step)
    return step
