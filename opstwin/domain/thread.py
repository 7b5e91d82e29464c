"""A thread: one conversation of one person, as its owner finds it again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import ClassVar, Final
from urllib.parse import quote

from opstwin.domain.values import Json, PlanId

REMEMBERED: Final = 100
"""Remarks that a thread keeps; the oldest are dropped."""

LONGEST: Final = 16_000
"""Characters of a remark; a longer one keeps its beginning."""

_TITLE: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What was said: `by` is `user` or `assistant`. `plan_id` is the plan that an answer showed, else empty.

    `id` is what whoever watched it knows it by.
    """

    id: str
    by: str
    text: str
    at: datetime
    plan_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A conversation. `name` is what its owner calls it; two owners may use one name, `id` tells them apart.

    `outcome` is how the last turn ended, empty while the first is under way; `run_id` is that turn's. `plan_id` is the
    plan that the thread waits for a human to decide on, `card` what was shown of it.
    """

    INDEXED: ClassVar[tuple[str, ...]] = ("owner",)
    ORDER: ClassVar[str] = "position"

    id: str
    owner: str
    name: str
    title: str
    remarks: tuple[Remark, ...] = ()
    created_at: datetime
    updated_at: datetime
    outcome: str = ""
    run_id: str = ""
    plan_id: PlanId | None = None
    card: Mapping[str, Json] = field(default_factory=dict)
    version: int = 0


def id_of_thread(owner: str, name: str) -> str:
    """The id of an owner's thread: no other pair has it, whatever colons stand in either of them."""
    return f"{quote(owner, safe='')}:{name}"


def title_of(text: str) -> str:
    """The first words of a conversation on one line, at most 80 characters."""
    line = " ".join(text.split())
    return line if len(line) <= _TITLE else line[: _TITLE - 1].rstrip() + "…"


def with_remarks(thread: Thread, remarks: Sequence[Remark]) -> Thread:
    """The thread after more was said."""
    said = tuple(replace(item, text=item.text.strip()[:LONGEST]) for item in remarks if item.text.strip())
    return replace(thread, remarks=(*thread.remarks, *said)[-REMEMBERED:])
