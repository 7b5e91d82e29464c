"""A past deployment as the index keeps it, and as text. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from opstwin.domain.deployment import Deployment
from opstwin.domain.secret_text import words_without_secrets
from opstwin.domain.similarity import FAILED, HELD, STARVED
from opstwin.domain.workload import Workload
from opstwin.knowledge.ports import Entry, Vector
from opstwin.knowledge.words import purpose_in

MI: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A deployment, and whose it is; `tenant` is empty for curated ones. `learned` is what it taught, in words."""

    deployment: Deployment
    tenant: str = ""
    curated: bool = False
    learned: str = ""

    @property
    def id(self) -> str:
        """The deployment's."""
        return self.deployment.id


def entry_of(case: Case, vector: Vector | None = None) -> Entry:
    """What is put into the index."""
    past = case.deployment
    return Entry(
        id=past.id, text=text_of(case), image=past.image_name, language=past.language, purpose=past.service_type,
        target=past.target_cluster, tenant=case.tenant, success=past.success, oom=past.oom_events > 0,
        curated=case.curated, vector=vector,
    )  # fmt: skip


def text_of(case: Case) -> str:
    """What is matched: names, image, purpose and language, what belongs to it, and what it taught. No values.

    Variables are named and never valued: a vector store is no place for what may be a secret.
    """
    past = case.deployment
    purpose = past.service_type or purpose_in(past.service_name)
    parts = [past.service_name, f"{past.image_name}:{past.image_tag}", past.language, purpose, *_shape(past.workload)]
    return " ".join(part for part in [*parts, case.learned] if part)


def _shape(workload: Workload | None) -> Iterator[str]:
    if workload is None:
        return
    yield from (str(port.container) for port in workload.ports if port.container)
    yield from sorted({*workload.env, *workload.secret_env})
    yield from (mount.path for mount in workload.volumes)
    yield from workload.needs
    yield from (text for key, text in sorted(workload.labels.items()) if key in _TELLING)


_TELLING: Final = ("description", "org.opencontainers.image.description", "org.opencontainers.image.title")
"""Labels in which people say what something is."""


def lesson(past: Deployment) -> float:
    """What a deployment counts by how it ended: those that failed, or ran out of memory, teach less."""
    if not past.success:
        return FAILED
    return STARVED if past.oom_events else HELD


def summary_of(case: Case) -> str:
    """What it was made of, in a line: copies, limits, ports, volumes, what its check asks; and what it taught."""
    past = case.deployment
    parts = [f"{past.replicas} × {past.image_name}:{past.image_tag}", *_amounts(past), *_parts(past.workload)]
    if past.oom_events:
        parts.append(f"ran out of memory {past.oom_events} times")
    if past.throttle_events:
        parts.append(f"held back by its CPU limit {past.throttle_events} times")
    line = ", ".join(parts) + "."
    return f"{line} {case.learned}".strip()


def _amounts(past: Deployment) -> Sequence[str]:
    amounts = (
        ("requests", past.cpu_request and f"{past.cpu_request}m CPU"),
        ("requests", past.memory_request and f"{past.memory_request // MI} MiB"),
        ("at most", past.cpu_limit and f"{past.cpu_limit}m CPU"),
        ("at most", past.memory_limit and f"{past.memory_limit // MI} MiB"),
    )
    return [f"{word} {amount}" for word, amount in amounts if amount]


def _parts(workload: Workload | None) -> Iterator[str]:
    if workload is None:
        return
    if ports := [str(port.container or port.host) for port in workload.ports]:
        yield f"ports {', '.join(ports)}"
    if paths := [mount.path for mount in workload.volumes]:
        yield f"volumes at {', '.join(paths)}"
    yield f"health check {_check(workload.health.command)}" if workload.health else "no health check"


_OWN_PAGE: Final = re.compile(
    r"https?://(?:localhost|127\.0\.0\.1|\[::1\]|0\.0\.0\.0)(?P<port>:\d{1,5})?(?P<path>/[A-Za-z0-9._~/-]*)?"
)
_LONGEST_CHECK: Final = 80
"""Characters of a check's command: three examples with one are 60 tokens more of a prompt."""


def _check(command: Sequence[str]) -> str:
    """What is asked, in few words: the page, where it is one of its own, else the command without its secrets.

    A page is told without its query, which may hold a secret.
    """
    words = " ".join(words_without_secrets(command))
    page = _OWN_PAGE.search(words)
    if page is not None:
        return f"GET {page['port'] or ''}{page['path'] or '/'}"
    shown = " ".join(words.split())
    return f"`{shown}`" if len(shown) <= _LONGEST_CHECK else f"`{shown[: _LONGEST_CHECK - 1]}…`"
