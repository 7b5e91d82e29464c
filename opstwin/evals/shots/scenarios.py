"""The labelled set: 64 services to be drafted, 32 asked for in English and 32 in Korean, half of them with a past.

What a service truly needs (`Truth`) is known here and to nobody who drafts: the past of the house tells it, where
there is one, in the records of `past`.
"""

import random
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from opstwin.domain.values import Digest, digest_of, to_json
from opstwin.evals.shots.services import STORES, TABLE

VERSION: Final = 1
"""Raised with each change of the set, its past or what counts as right: results of two versions do not compare."""

HOUSE: Final = "registry.example.com/house"
_SPREAD: Final = (0.8, 1.25)


class Lesson(StrEnum):
    """What the past teaches of a service.

    Nothing; it held; it ran out of memory first and held with more; what came after it was rolled back; it ran well,
    under another publisher's name; its newest record is of a quiet week, and only the one before saw the peak.
    """

    NONE = ""
    HELD = "held"
    STARVED = "starved"
    BROKEN = "broken"
    MOVED = "moved"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What it needs: memory at its peak (MiB) and CPU at the 95th percentile (millicores), its port (0: none), and
    the page that answers when it can serve (empty: none)."""

    memory_mib: int
    cpu_millicores: int
    port: int = 0
    page: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One service that shall run. `speech` is the language of the words, `language` the one that it is written in."""

    name: str
    purpose: str
    language: str
    speech: str
    image: str
    truth: Truth
    lesson: Lesson

    @property
    def has_past(self) -> bool:
        """Whether the past tells what it needs, so that there is a right answer."""
        return self.lesson is not Lesson.NONE

    def words(self, seed: int) -> str:
        """What the person says; which of the ways to say it, the seed decides."""
        ways = _WAYS[self.speech]["port" if self.truth.port else "plain"]
        way = random.Random(f"words {seed} {self.name}").choice(ways)  # noqa: S311 - a draw, not a secret
        return way.format(name=self.name, image=self.image, port=self.truth.port)


_WAYS: Final = {
    "en": {
        "port": ("deploy {image} as {name} on port {port}", "please deploy {image} as {name} with port {port}",
                 "run {image} as {name} on port {port}"),
        "plain": ("deploy {image} as {name}", "please deploy {image} as {name}", "run {image} as {name}"),
    },
    "ko": {
        "port": ("{image} 이미지를 {name} 이름으로 {port} 포트로 배포해줘",
                 "{image} 이미지를 {name} 이름으로 포트 {port}에 배포해 주세요",
                 "{name} 이름으로 {image} 이미지를 {port} 포트로 배포해줘"),
        "plain": ("{image} 이미지를 {name} 이름으로 배포해줘", "{image} 이미지를 {name} 이름으로 배포해 주세요",
                  "{name} 이름으로 {image} 이미지를 배포해줘"),
    },
}  # fmt: skip


def scenarios() -> tuple[Scenario, ...]:
    """All of them, always in the same order, as they are without a draw."""
    return tuple(_scenario(*line.split()) for line in TABLE.strip().splitlines())


def drawn(scenario: Scenario, seed: int) -> Scenario:
    """The scenario of one draw: it needs from 0.8 to 1.25 times as much."""
    chance = random.Random(f"truth {seed} {scenario.name}")  # noqa: S311 - a draw, not a secret
    truth = scenario.truth
    memory, cpu = (round(amount * chance.uniform(*_SPREAD)) for amount in (truth.memory_mib, truth.cpu_millicores))
    return replace(scenario, truth=replace(truth, memory_mib=memory, cpu_millicores=cpu))


def digest() -> Digest:
    """What the set is, so that results of another one are known for what they are."""
    return digest_of(to_json({"version": VERSION, "scenarios": scenarios(), "ways": _WAYS}))


def _scenario(*cells: str) -> Scenario:
    name, purpose, kind, speech, lesson, port, page, memory, cpu = cells
    image, inner = STORES.get(kind, (f"{HOUSE}/{name}-{kind}:2.0.0", int(port)))
    return Scenario(
        name=name, purpose=purpose, language="" if kind in STORES else kind, speech=speech, image=image,
        lesson=Lesson(lesson.strip("-")),
        truth=Truth(memory_mib=int(memory), cpu_millicores=int(cpu), port=inner, page=page.removeprefix("-")),
    )  # fmt: skip
