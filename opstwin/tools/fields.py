"""Types of input fields that several tools share. Patterns keep ids to what can stand in a path, a label and a log."""

from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator, Field

from opstwin.domain.names import checked_text
from opstwin.errors import InvalidInput
from opstwin.tools.registry import Ask

MAX_PAGE: Final = 1000
MAX_FILE: Final = 1024 * 1024
"""Characters of a workload file; `max_body_bytes` bounds the whole request."""

_BIG: Final = 2**53

TargetName: TypeAlias = Annotated[
    str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", examples=["local"])
]
ResourceName: TypeAlias = Annotated[
    str,
    Field(
        max_length=400,
        pattern=r"^[a-z0-9][a-z0-9-]{0,62}/[a-z][a-z0-9.-]{0,119}/[A-Za-z0-9][A-Za-z0-9_.:@/-]{0,300}$",
        description="target/kind/name",
        examples=["local/container/web-1"],
    ),
]
SubjectName: TypeAlias = Annotated[
    str,
    Field(
        min_length=1, max_length=400, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:@/-]*$",
        description="workload, container or target/kind/name", examples=["web"],
    ),
]  # fmt: skip
WorkloadName: TypeAlias = Annotated[
    str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", examples=["web"])
]
PlanName: TypeAlias = Annotated[
    str, Field(max_length=64, pattern=r"^plan_[0-9a-z]{1,40}$", examples=["plan_7f3k2m9x1q"])
]
ExecutionName: TypeAlias = Annotated[
    str, Field(max_length=64, pattern=r"^exec_[0-9a-z]{1,40}$", examples=["exec_7f3k2m9x1q"])
]
AccountName: TypeAlias = Annotated[
    str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", examples=["ada"])
]
Word: TypeAlias = Annotated[str, Field(max_length=200, pattern=r"^[A-Za-z0-9_.:/@-]+$")]


def _one_line(value: str) -> str:
    return checked_text(value, "reason", 2000)


Reason: TypeAlias = Annotated[str, Field(max_length=2000), AfterValidator(_one_line)]
Number: TypeAlias = Annotated[int, Field(ge=0, lt=_BIG)]


class Nothing(Ask):
    """A call without fields."""


class Paging(Ask):
    """Which page of a list."""

    limit: Annotated[int, Field(ge=1, le=MAX_PAGE, description="Items on a page.")] = 100
    cursor: Annotated[
        str | None, Field(max_length=500, pattern=r"^[\x20-\x7e]+$", description="`next` of the page before.")
    ] = None


class OfTarget(Ask):
    """One target."""

    id: TargetName


class OfResource(Ask):
    """One resource."""

    id: ResourceName


class OfPlan(Ask):
    """One plan."""

    id: PlanName


class OfExecution(Ask):
    """One execution."""

    id: ExecutionName


def offset_of(cursor: str | None) -> int:
    """Where a page begins whose cursor is a number. Raises `InvalidInput` for one that is none."""
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= 9):
        raise InvalidInput("The cursor is not one of ours.", field="cursor", next_step="Start without a cursor.")
    return int(cursor)
