"""The registry: every tool of the hub, in the order of the reference."""

from typing import Final

from opstwin.tools import (
    audit,
    components,
    events,
    executions,
    history,
    hub,
    people,
    plans,
    resources,
    targets,
    watching,
    workloads,
)
from opstwin.tools.describing import listing
from opstwin.tools.registry import Registry

_TOOLS: Final = (
    *hub.TOOLS,
    *targets.TOOLS,
    *resources.TOOLS,
    *watching.TOOLS,
    *workloads.TOOLS,
    *plans.TOOLS,
    *components.TOOLS,
    *executions.TOOLS,
    *history.TOOLS,
    *events.TOOLS,
    *audit.TOOLS,
    *people.TOOLS,
)
REGISTRY: Final = Registry((*_TOOLS, listing(_TOOLS)))
