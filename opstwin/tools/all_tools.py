"""The registry: every tool of the hub, in the order of the reference."""

from typing import Final

from opstwin.tools import (
    approvals,
    audit,
    commands,
    components,
    diagnosis,
    events,
    executions,
    history,
    hub,
    logs,
    metrics,
    people,
    plans,
    resources,
    rolling_back,
    searching,
    targets,
    twin_get,
    twin_query,
    watching,
    workloads,
)
from opstwin.tools.describing import listing
from opstwin.tools.registry import Registry

_TOOLS: Final = (
    *hub.TOOLS,
    *targets.TOOLS,
    *resources.TOOLS,
    *twin_query.TOOLS,
    *twin_get.TOOLS,
    *watching.TOOLS,
    *logs.TOOLS,
    *metrics.TOOLS,
    *diagnosis.TOOLS,
    *workloads.TOOLS,
    *plans.TOOLS,
    *rolling_back.TOOLS,
    *approvals.TOOLS,
    *commands.TOOLS,
    *components.TOOLS,
    *executions.TOOLS,
    *searching.TOOLS,
    *history.TOOLS,
    *events.TOOLS,
    *audit.TOOLS,
    *people.TOOLS,
)
REGISTRY: Final = Registry((*_TOOLS, listing(_TOOLS)))
