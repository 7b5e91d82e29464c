"""Records of every kind: one with every field filled, and any at all."""

import typing
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from types import NoneType, UnionType
from typing import Any, NewType, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from opstwin.domain.command import MAX_TIMEOUT_S, OUTPUT_BYTES, Command
from opstwin.domain.target import AUTH_METHODS, BACKENDS, CONNECTIONS, Target
from opstwin.domain.values import Json
from opstwin.domain.workload import HealthCheck, Mount, Port, Resources, RestartPolicy, Workload

MOMENT = datetime(2026, 2, 28, 23, 59, 59, 999999, tzinfo=UTC)
TRICKY = "웹 서버 \U0001f680 'quoted\" \\ \n \u202e"
SPEC: dict[str, Json] = {
    "image": "nginx:1.27", "command": None, "ports": [{"container": 80, "host": None}], "running": True, "one": 1,
    "fraction": 1.0, "tiny": 5e-324, "huge": 2**80, "text": TRICKY, "nul": "\x00", "empty": {}, "list": [],
}  # fmt: skip

_TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
_JSON: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
_NAME = st.from_regex(r"[a-z0-9]([a-z0-9]{0,8}[a-z0-9])?", fullmatch=True)
_SEEN: st.SearchStrategy[Any] = st.integers(min_value=-(2**63) + 1, max_value=2**63 - 1)


def full(hint: Any) -> Any:
    """A value of the type with no field left at its default."""
    if hint in _FULL:
        return _FULL[hint]
    hint = _bare(hint)
    if isinstance(hint, type) and is_dataclass(hint):
        given = _FULL_FIELDS.get(hint, {})
        hints = get_type_hints(hint)
        return hint(**{f.name: given[f.name] if f.name in given else full(hints[f.name]) for f in fields(hint)})
    return _full_plain(hint)


def _full_plain(hint: Any) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return full(next(item for item in arguments if item is not NoneType))
    if origin is tuple:
        return (full(arguments[0]), full(arguments[0]))
    if origin is frozenset:
        return frozenset(arguments[0])
    if origin is not None:
        return {TRICKY: full(arguments[1])} if arguments[1] is str else dict(SPEC)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return list(hint)[-1]
    return _FULL[hint]


_FULL: Mapping[Any, Any] = {
    str: TRICKY, int: 2**63 - 1, float: 0.1, bool: True, datetime: MOMENT, Json: 1.0,
    Workload: Workload(
        name="web", image="nginx:1.27", command=("run", TRICKY), ports=(Port(container=80, host=8080),),
        env={"A": TRICKY}, secret_env={"B": "env:B"}, volumes=(Mount(path="/d", volume="d", read_only=True),),
        networks=("front",), resources=Resources(cpu_millicores=1, memory_bytes=2), replicas=2,
        health=HealthCheck(command=("true",), interval_s=5, timeout_s=0.5), labels={"c": "d"},
        restart=RestartPolicy.NEVER, running=False, needs=("db",),
    ),
}  # fmt: skip
_FULL_FIELDS: Mapping[Any, Mapping[str, Any]] = {
    Command: {"argv": ("/bin/df", TRICKY), "timeout_s": 0.1, "output_bytes": 7},
    Target: {
        "id": "local", "display_name": "노드 하나", "backend_type": "docker", "agent_endpoint": "http://docker-agent:8081",
        "connection_type": "frp", "auth_method": "mtls",
    },
}  # fmt: skip


def record_of(kind: Any, version: int = 0) -> Any:
    """A new record of the kind with every field filled."""
    made = full(kind)
    return type(made)(**{f.name: version if f.name == "version" else getattr(made, f.name) for f in fields(made)})


def any_of(kind: Any) -> st.SearchStrategy[Any]:
    """Any new record of the kind."""
    return _built(kind, {"version": st.just(0)})


def _any(hint: Any) -> st.SearchStrategy[Any]:
    if hint is Json:
        return _JSON
    hint = _bare(hint)
    if hint in _ANY:
        return _ANY[hint]()
    if isinstance(hint, type) and is_dataclass(hint):
        return _built(hint, {})
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    return _any_of_many(get_origin(hint), get_args(hint))


def _any_of_many(origin: Any, arguments: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    if origin in (Union, UnionType):
        return st.one_of([st.none() if item is NoneType else _any(item) for item in arguments])
    if origin is tuple:
        return st.lists(_any(arguments[0]), max_size=2).map(tuple)
    if origin is frozenset:
        return st.frozensets(_any(arguments[0]))
    return st.dictionaries(_TEXT, _any(arguments[1]), max_size=3)


def _built(kind: Any, given: Mapping[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(kind)
    own = {**_ANY_FIELDS.get(kind, {}), **given}
    return st.builds(kind, **{f.name: own[f.name] if f.name in own else _any(hints[f.name]) for f in fields(kind)})


_ANY: Mapping[Any, Callable[[], st.SearchStrategy[Any]]] = {
    str: lambda: _TEXT,
    int: lambda: _SEEN,
    bool: st.booleans,
    float: lambda: st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53),
    datetime: lambda: st.datetimes(timezones=st.sampled_from([UTC])),
    Workload: lambda: st.sampled_from(
        [_FULL[Workload], Workload(name="a", image="b"), Workload(name="c", image="d:1", command=())]
    ),
}
_ANY_FIELDS: Mapping[Any, Mapping[str, st.SearchStrategy[Any]]] = {
    Command: {
        "argv": st.lists(_TEXT, max_size=2).map(lambda words: ("df", *words)),
        "timeout_s": st.floats(min_value=0.001, max_value=MAX_TIMEOUT_S),
        "output_bytes": st.integers(min_value=1, max_value=OUTPUT_BYTES),
    },
    Target: {
        "id": _NAME,
        "display_name": _NAME,
        "backend_type": st.sampled_from(BACKENDS),
        "agent_endpoint": st.just("unix:///var/run/docker.sock"),
        "connection_type": st.sampled_from(CONNECTIONS),
        "auth_method": st.sampled_from(AUTH_METHODS),
    },
}


def _bare(hint: Any) -> Any:
    while isinstance(hint, NewType):
        hint = hint.__supertype__
    return hint
