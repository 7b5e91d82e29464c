"""What the tools work with: the services of the hub, built by wiring and handed on as one value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from opstwin.control.applying import Applier
from opstwin.control.approving import Approver
from opstwin.control.auditing import Auditing
from opstwin.control.commanding import Commander
from opstwin.control.component_planning import ComponentPlanner
from opstwin.control.drafts import Drafts
from opstwin.control.drivers import Readers
from opstwin.control.generating import Generating
from opstwin.control.history import History
from opstwin.control.ledger import Ledger
from opstwin.control.observing import Observer
from opstwin.control.people import People
from opstwin.control.places import Places
from opstwin.control.planning import Planner
from opstwin.control.reconciling import Reconciler
from opstwin.control.recovering import Recovery
from opstwin.control.remembering import Memory
from opstwin.control.retrying import Breakers
from opstwin.control.sampling import Sampler
from opstwin.control.tainting import Taints
from opstwin.control.twin_index import TwinIndex
from opstwin.domain.approval import Policy
from opstwin.domain.model_place import ModelPlace
from opstwin.metrics.ports import PromQuery
from opstwin.registries.directory import Registries
from opstwin.settings import Settings
from opstwin.tools.chat_views import Chat
from opstwin.tools.rates import Rates
from opstwin.tools.veiling import Veil


class Answering(Protocol):
    """Somebody far away, who may be there or not."""

    async def check(self) -> None:
        """Return when they answer; else raise an `OpstwinError` that says why not."""
        ...

    async def about(self, *, ask: bool) -> tuple[ModelPlace, ...]:
        """Who they are, one by one; with `ask` whether each answers now, without asking for an answer."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything a tool may call. There is no `Writer` here: effects happen behind `applier` alone.

    `loaded` names the parts of this hub that run (`reconciler`, `provisioner`, `worker`, …) for `hub_info` and
    `components_list`. `prom` answers PromQL where the settings name a server for it. `chat` holds
    conversations, where a face brought one. `drafts` fills in what nobody said, by a model where there is one.
    `memory` finds what worked before. `model` says whether a language model answers, where one is set up.
    """

    ledger: Ledger
    settings: Settings
    policy: Policy
    readers: Readers
    breakers: Breakers
    observer: Observer
    planner: Planner
    component_planner: ComponentPlanner
    approver: Approver
    applier: Applier
    commander: Commander
    reconciler: Reconciler
    places: Places
    people: People
    auditing: Auditing
    history: History
    index: TwinIndex
    sampler: Sampler
    generating: Generating
    taints: Taints
    veil: Veil
    started_at: datetime
    version: str
    rates: Rates
    recovery: Recovery = field(default_factory=Recovery)
    loaded: Mapping[str, bool] = field(default_factory=dict)
    prom: PromQuery | None = None
    registries: Registries | None = None
    chat: Chat | None = None
    drafts: Drafts | None = None
    memory: Memory | None = None
    model: Answering | None = None
