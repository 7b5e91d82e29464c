"""A plan in which no field is at its default, and every way to change one thing in it."""

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum

from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.command import Command
from opstwin.domain.draft_origin import DraftOrigin
from opstwin.domain.plan import Base, Change, Op, Origin, Plan, PlanState, Risk, WorkloadChange, sealed
from opstwin.domain.pod_settings import PodSettings, Pull
from opstwin.domain.taint import Taint, TaintMatch
from opstwin.domain.values import Digest, PlanId, ResourceId, TargetId
from opstwin.domain.workload import Autoscale, HealthCheck, Mount, Port, Resources, RestartPolicy, Workload
from opstwin.errors import InvalidInput

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
LOCAL = TargetId("local")
ANNA = Actor(kind=ActorKind.PERSON, id="anna", on_behalf_of="zoe", face="cli")

POD = PodSettings(
    read_only=True,
    memory_folders={"/tmp": 2**20},
    shared_memory_bytes=2**26,
    stop_grace_s=20,
    hosts={"db.example.com": "10.0.0.5"},
    dns_servers=("10.0.0.1",),
    dns_searches=("corp.example.com",),
    dns_options=("ndots:2",),
    sysctls={"net.ipv4.tcp_syncookies": "1"},
    capabilities_added=("NET_ADMIN",),
    capabilities_dropped=("CHOWN",),
    hostname="web",
    groups=(1000,),
    reaps=True,
    terminal=True,
    input=True,
    pull=Pull.ALWAYS,
    platform="linux/amd64",
    annotations={"example.com/team": "shop"},
    requested_cpu_millicores=100,
    requested_memory_bytes=2**26,
)

WORKLOAD = Workload(
    name="web", image="app:1", command=("/bin/app", "--serve"), env={"A": "1"},
    ports=(Port(container=80, host=8080, address="127.0.0.1"),),
    secret_env={"B": "env:B"}, networks=("front",), replicas=2, labels={"team": "shop"},
    volumes=(Mount(path="/data", volume="data", read_only=True), Mount(path="/etc/app", host_path="/srv/app")),
    resources=Resources(cpu_millicores=500, memory_bytes=2**28),
    health=HealthCheck(command=("/check", "-q"), interval_s=2.0, timeout_s=1.0, retries=4, start_period_s=3.0),
    restart=RestartPolicy.ON_FAILURE, running=False, needs=("db",),
    autoscale=Autoscale(minimum=2, maximum=8, cpu_percent=60, memory_percent=80),
    entrypoint=("/start", "-v"), user="1000:100", working_dir="/srv", pod=POD,
)  # fmt: skip


COMMAND = Command(argv=("ls", "-l"), timeout_s=5.0, output_bytes=100)


def change(name: str = "web-1", **fields: object) -> Change:
    """A change with every field set."""
    values: dict[str, object] = {
        "resource": ResourceId(f"local/container/{name}"), "target": LOCAL, "kind": "container", "name": name,
        "op": Op.REPLACE, "workload": "web", "before": {"image": "app:1", "ports": [{"host": 1}]},
        "after": {"image": "app:2", "env": {"A": None}}, "needs": (ResourceId("local/volume/data"),),
        "risk": Risk.HIGH, "reasons": ("because",), "asked_by": ("yan",), "takes": ("kubectl spec.replicas",), **fields,
    }  # fmt: skip
    return Change(**values)  # type: ignore[arg-type]


PLAN = sealed(
    Plan(
        id=PlanId("plan_1"), target=LOCAL, origin=Origin.FILE, request="deploy web", requested_by=ANNA, mode="expand",
        changes=(change(command=COMMAND), change("web-2", op=Op.CREATE, before=None)),
        workloads=(WorkloadChange(target=LOCAL, name="web", workload=WORKLOAD),),
        base=(Base(resource=ResourceId("local/container/web-1"), desired_revision=3, observed_revision=4),),
        risk=Risk.HIGH, notes=("first", "second"), tainted=True,
        taint=Taint(matches=(TaintMatch(text="evil.example/x:1", source="logs of local/container/web-1", at=NOW),)),
        drafts=(DraftOrigin(workload="web", source="model", confidence=0.75, examples=("dep_1",), corrected=0.5),),
        digest=Digest(""), created_at=NOW, expires_at=NOW + timedelta(hours=1), state=PlanState.APPROVED,
        execution_id="exec_1", version=7,
    )
)  # fmt: skip

Way = tuple[type, str]
"""A dataclass and one of its fields."""


Ways = tuple[Way, ...]
"""The way down to what was changed, the outermost field first."""


def mutations(value: object, ways: Ways = ()) -> Iterator[tuple[Ways, object]]:
    """Everything that differs from `value` in one place, with the dataclass fields that lead there.

    What the domain refuses to build is left out: it cannot be smuggled in.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _of_fields(value, ways)
    if isinstance(value, Mapping):
        return _of_entries(value, ways)
    if isinstance(value, tuple | list):
        return _of_items(value, ways)
    return ((ways, new) for new in _others(value) if new != value)


def _of_fields(value: object, ways: Ways) -> Iterator[tuple[Ways, object]]:
    for field in dataclasses.fields(value):  # type: ignore[arg-type]
        here = (*ways, (type(value), field.name))
        for inner, changed in mutations(getattr(value, field.name), here):
            yield from _built(value, field.name, inner, changed)
        if _may_be_none(type(value), field.name) and getattr(value, field.name) is not None:
            yield from _built(value, field.name, here, None)


def _of_entries(value: Mapping[str, object], ways: Ways) -> Iterator[tuple[Ways, object]]:
    for key in value:
        yield from ((inner, {**value, key: new}) for inner, new in mutations(value[key], ways))
        yield ways, {other: value[other] for other in value if other != key}
        yield ways, {("X" + other if other == key else other): value[other] for other in value}
    yield ways, {**value, "X": "new"}


def _of_items(value: tuple[object, ...] | list[object], ways: Ways) -> Iterator[tuple[Ways, object]]:
    for place, item in enumerate(value):
        for inner, new in mutations(item, ways):
            yield inner, type(value)([*value[:place], new, *value[place + 1 :]])
        yield ways, type(value)([*value[:place], *value[place + 1 :]])
    yield ways, type(value)([*value, *value[:1]])


def _built(owner: object, name: str, ways: Ways, value: object) -> Iterator[tuple[Ways, object]]:
    try:
        yield ways, dataclasses.replace(owner, **{name: value})  # type: ignore[type-var]
    except InvalidInput:
        return


def _others(value: object) -> Iterator[object]:
    match value:
        case None:
            yield {"X": 1}
        case Enum():
            yield from (other for other in type(value) if other is not value)
        case bool():
            yield not value
        case int() | float():
            yield from (value + 1, -value)
        case datetime():
            yield value + timedelta(microseconds=1)
        case str():
            yield from (value + "x", value[:-1], "udp", value + "\n", value.upper())


def _may_be_none(kind: type, name: str) -> bool:
    hint = typing.get_type_hints(kind)[name]
    return type(None) in typing.get_args(hint) and typing.get_origin(hint) in (typing.Union, types.UnionType)


def dataclasses_within(kind: object, found: set[type] | None = None) -> set[type]:
    """Every dataclass that a value of this type can hold, itself included."""
    seen = found if found is not None else set()
    if isinstance(kind, type) and dataclasses.is_dataclass(kind) and kind not in seen:
        seen.add(kind)
        for field, hint in typing.get_type_hints(kind).items():
            if field in {item.name for item in dataclasses.fields(kind)}:
                dataclasses_within(hint, seen)
    for inner in typing.get_args(kind):
        dataclasses_within(inner, seen)
    return seen
