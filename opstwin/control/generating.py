"""From what runs, or shall run, to manifests: with what it used, what happened before, and what the cluster serves."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from opstwin.control.drivers import Readers
from opstwin.control.ledger import Ledger
from opstwin.control.remembering import Memory
from opstwin.control.similar import Similar, lessons, similar_to
from opstwin.control.usage import usage_of
from opstwin.domain.deployment import Usage
from opstwin.domain.series import Metric, SeriesQuery
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId
from opstwin.errors import InvalidInput
from opstwin.manifests.checks.checking import checked
from opstwin.manifests.checks.findings import Report
from opstwin.manifests.checks.policy import Policy
from opstwin.manifests.generating.generator import PLAIN, Request, generated
from opstwin.manifests.generating.info import ContainerInfo
from opstwin.manifests.generating.options import GenerateOptions
from opstwin.manifests.generating.results import Generated
from opstwin.manifests.served import NEWEST, Served, served_by
from opstwin.metrics.ports import SampleStore

USAGE_DAYS: Final = 7
"""How far back use counts (the seed's "7-day average")."""

RULES: Final = Policy()
"""The rules of a hub whose operator wrote none."""

_RELEASE: Final = re.compile(r"v?1\.(\d{1,3})(?:\.\d{1,3})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One container, and the resources that run it now: what they used is what it needs.

    `drafted` names what a draft filled in, as in `GenerateOptions`.
    """

    info: ContainerInfo
    resources: tuple[ResourceId, ...] = ()
    drafted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What shall run where. Without a `target` it is for Kubernetes `release` (`1.29`; empty is the newest).

    `namespace` empty is that of the target's settings, else `default`. Raises `InvalidInput` for a release beside a
    target.
    """

    parts: tuple[Part, ...]
    target: Target | None = None
    release: str = ""
    namespace: str = ""
    options: GenerateOptions = PLAIN

    def __post_init__(self) -> None:
        if self.target is not None and self.release:
            raise InvalidInput(
                "The cluster says its version itself.", field="kubernetes", next_step="Leave out it or the target."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What is known beside the wish: per container what it used and what was deployed before."""

    usage: Mapping[str, Usage] = field(default_factory=dict)
    similar: Mapping[str, tuple[Similar, ...]] = field(default_factory=dict)

    @property
    def most_similar(self) -> tuple[Similar, ...]:
        """The past deployments of all containers, each once, with its highest score, the most similar first."""
        best: dict[str, Similar] = {}
        for item in sorted((one for found in self.similar.values() for one in found), key=lambda one: one.score):
            best[item.deployment.id] = item
        return tuple(sorted(best.values(), key=lambda one: (-one.score, one.deployment.id)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """Manifests for one namespace of one Kubernetes release, and what the checks find in them."""

    generated: Generated
    report: Report
    namespace: str
    release: str


@dataclass(frozen=True, slots=True)
class Generating:
    """Makes manifests. It reads the twin and what a cluster serves, and changes nothing but what is in quarantine.

    `rules` are the operator's, which a plan must keep too. With a `memory` nobody learns from the past of another
    organisation, nor from what is in quarantine.
    """

    ledger: Ledger
    readers: Readers
    samples: SampleStore
    rules: Policy = RULES
    memory: Memory | None = None

    async def learned(self, wish: Wish, person: str | None) -> Learned:
        """What is measured of the containers, and the past deployments that are like them.

        `person` is the account that asks, or that is asked for: the past is its organisation's.
        """
        usage: dict[str, Usage] = {}
        similar: dict[str, tuple[Similar, ...]] = {}
        where = wish.target.id if wish.target is not None else ""
        for part in wish.parts:
            similar[part.info.name] = await similar_to(self.ledger, part.info, where, self.memory, person)
            used = await self._used(part.resources)
            if used is not None:
                usage[part.info.name] = used
        return Learned(usage=usage, similar=similar)

    async def made(self, wish: Wish, learned: Learned) -> Generation:
        """The manifests and what the checks, the operator's rules among them, say to them.

        Raises `InvalidInput` naming the field for what is wrong, for a target that is no cluster and for a version
        that is none, and `Unreachable` or `Timeout` when the cluster did not say what it serves.
        """
        served = await self.served(wish)
        namespace = namespace_of(wish)
        request = Request(
            containers=tuple(part.info for part in wish.parts), namespace=namespace, served=served,
            options=wish.options, options_of={part.info.name: options_for(wish, part, learned) for part in wish.parts},
        )  # fmt: skip
        release = ".".join(map(str, served.release))
        # Generating and checking a large Compose file takes a second, which must not hold up everybody else.
        result, report = await asyncio.to_thread(_made, request, release, self.rules)
        return Generation(generated=result, report=report, namespace=namespace, release=release)

    async def served(self, wish: Wish) -> Served:
        """What the cluster serves, or the release that is wished for. Raises like `made`."""
        if wish.target is None:
            return served_by(release_of(wish.release) if wish.release else NEWEST)
        previewer = self.readers.previewer(wish.target)
        if previewer is None:
            raise no_cluster(wish.target)
        facts = await previewer.facts()
        return Served(kinds=facts.kinds, release=release_of(facts.release))

    async def _used(self, resources: Sequence[ResourceId]) -> Usage | None:
        if not resources:
            return None
        start_at = self.ledger.clock.now() - timedelta(days=USAGE_DAYS)
        pooled = [
            await self.samples.pooled(
                SeriesQuery(
                    metric=metric, resources=tuple(resources), start_at=start_at, step_s=USAGE_DAYS * 86_400, steps=1
                )
            )
            for metric in (Metric.CPU_MILLICORES, Metric.MEMORY_BYTES)
        ]
        cpu, memory = pooled
        return None if cpu is None or memory is None else usage_of(cpu, memory)


def release_of(text: str) -> tuple[int, int]:
    """`1.29` or `v1.29.3` as (1, 29). Raises `InvalidInput` for what is no version."""
    match = _RELEASE.fullmatch(text)
    if match is None:
        raise InvalidInput(
            f"{text[:40]!r} is no version of Kubernetes.", field="kubernetes", next_step="Write it like 1.29."
        )
    return 1, int(match[1])


def no_cluster(target: Target) -> InvalidInput:
    """For a target on which manifests mean nothing."""
    return InvalidInput(
        f"{target.id} is no Kubernetes cluster and takes no manifests.",
        field="target",
        next_step="Name a cluster as the target; list targets: opstwin targets list",
    )


def _made(request: Request, release: str, rules: Policy) -> tuple[Generated, Report]:
    result = generated(request)
    return result, checked([manifest.document for manifest in result.manifests], version=release, policy=rules)


def options_for(wish: Wish, part: Part, learned: Learned) -> GenerateOptions:
    """The options of one container: those of the wish, with what it used and what was deployed before."""
    name = part.info.name
    return replace(
        wish.options, usage=learned.usage.get(name), usage_days=USAGE_DAYS,
        history=lessons(learned.similar.get(name, ())), drafted=part.drafted,
    )  # fmt: skip


def namespace_of(wish: Wish) -> str:
    """The namespace that is wished for, else that of the target's settings, else `default`."""
    said = wish.target.settings.get("namespace") if wish.target is not None else None
    return wish.namespace or (said if isinstance(said, str) and said else "default")
