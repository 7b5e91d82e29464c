"""What a draft is made from, and what comes of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from opstwin.agent.models.port import ModelReply
from opstwin.control.generating import RULES
from opstwin.domain.example import Example
from opstwin.domain.workload import Workload
from opstwin.manifests.checks.policy import Policy
from opstwin.manifests.generating.info import ContainerInfo
from opstwin.manifests.generating.options import GenerateOptions
from opstwin.manifests.served import Served

PLAIN: Final = GenerateOptions()


class Source(StrEnum):
    """Who filled a draft in: a model, an answer of a model that was kept, or nobody but the deterministic way."""

    MODEL = "model"
    CACHE = "cache"
    TEMPLATE = "template"


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftBrief:
    """Everything that one draft is made from.

    `words` are the person's, `language` (`en` or `ko`) is that of the answer, and `target` says in a few words where it
    shall run (`kubernetes 1.29`, `docker`). `base` is what the deterministic way made of the words: what stands in it
    is kept. `said` names fields of it that were said although they are as by default (`replicas`). `current` is what
    runs now, `info` what was seen of it. `policy` is the operator's text, `requirements` more of the person's.

    With `served`, the cluster's kinds, the draft has manifests, made with `options` for `namespace`; they must keep
    `rules`.
    """

    words: str
    base: Workload
    language: str = "en"
    target: str = ""
    current: Workload | None = None
    info: ContainerInfo | None = None
    policy: str = ""
    examples: Sequence[Example] = ()
    requirements: str = ""
    said: frozenset[str] = frozenset()
    served: Served | None = None
    namespace: str = "default"
    options: GenerateOptions = PLAIN
    rules: Policy = RULES


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """A draft, not yet a plan.

    `manifests` is YAML, None for a target that takes none. `reasoning` names the past deployments in `examples` that
    it rests on. `confidence`, from 0 to 1, is counted from the checks and from how those ended; a model has no say in
    it; `counted` is the same before it was calibrated. `why` says in the words of the person why no model filled it in,
    and is empty otherwise. `rounds` counts the repairs, `prompt` names the versions of the prompts. `replies` are the
    answers that models gave on the way, for metering; one for several drafts stands with the first of them.
    """

    workload: Workload
    manifests: str | None
    reasoning: str
    examples: tuple[str, ...]
    confidence: float
    counted: float
    source: Source
    why: str = ""
    prompt: str = ""
    rounds: int = 0
    replies: tuple[ModelReply, ...] = field(default=(), repr=False)
