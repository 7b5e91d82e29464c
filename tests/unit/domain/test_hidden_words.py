"""A value that nobody is shown and that could be run as a command is not low risk."""

import pytest

from opstwin.domain.hidden_words import hidden_programs
from opstwin.domain.plan import Op, Risk
from opstwin.domain.risk import Surroundings, judged
from opstwin.domain.values import Json, Spec
from tests.unit.domain.everything import change

SH = ["sh", "-c", "$API_TOKEN; exec sleep 3600"]


def spec(value: str, name: str = "API_TOKEN", **fields: object) -> Spec:
    return {"image": "app:1", "env": {name: value, "PLAIN": "rm -rf /"}, **fields}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "after",
    [
        spec("touch /evil-ran"), spec("$(reboot)"), spec("`reboot`"), spec("x\ny"),
        spec("reboot", command=SH), spec("reboot", entrypoint=["bash", "-ec", "true && ${API_TOKEN}"]),
        spec("reboot", command=["$(API_TOKEN)"]), spec("reboot", command=["sh", "-c", 'eval "$API_TOKEN"']),
        spec("reboot", health={"command": ["CMD-SHELL", "echo | $API_TOKEN"], "retries": 3}),
    ],
)  # fmt: skip
def test_what_reads_like_a_command_or_begins_one_is_high_risk_and_named(after: Spec) -> None:
    made = change(op=Op.CREATE, kind="container", before=None, after=after, risk=Risk.NONE, reasons=())
    told = judged(made, Surroundings(siblings_left=2))
    assert told.risk is Risk.HIGH
    assert told.reasons == ("the value of API_TOKEN is not shown, and could be run as a command",)


@pytest.mark.parametrize(
    "after",
    [
        spec("S3cret-value/x=="), spec("a;b&c<d|e"), spec("", command=SH), spec("reboot"),
        spec("reboot", name="NAME", command=SH),
        spec("s3cret", command=["redis-server", "--requirepass", "$API_TOKEN"]),
        spec("s3cret", health={"command": ["CMD-SHELL", "mysqladmin ping -p$API_TOKEN"], "retries": 3}),
        spec("s3cret", command=["sh", "-c", "$API_TOKEN_FILE"]),
    ],
)  # fmt: skip
def test_an_ordinary_password_is_not(after: Spec) -> None:
    assert hidden_programs(None, after) == []


def test_what_was_approved_so_before_is_not_told_again_and_a_new_use_is() -> None:
    assert hidden_programs(spec("a b"), spec("a b", image="app:2")) == []
    assert hidden_programs(spec("a b"), spec("a c")) == ["API_TOKEN"]
    assert hidden_programs(spec("reboot"), spec("reboot", command=SH)) == ["API_TOKEN"]


PLACES: list[dict[str, Json]] = [
    {"command": [*SH]},
    {"command": ["sh"], "args": ["-c", SH[2]]},
    {"livenessProbe": {"exec": {"command": [*SH]}}},
    {"readinessProbe": {"exec": {"command": [*SH]}, "periodSeconds": 5}},
    {"startupProbe": {"exec": {"command": [*SH]}}},
    {"lifecycle": {"postStart": {"exec": {"command": [*SH]}}}},
]


@pytest.mark.parametrize("place", PLACES, ids="/".join)
def test_containers_of_pods_are_looked_at_wherever_they_run_something(place: dict[str, Json]) -> None:
    env: list[Json] = [{"name": "API_TOKEN", "value": "reboot"}]
    pod: Json = {"containers": [{"name": "c", "env": env, **place}]}
    assert hidden_programs(None, {"spec": {"template": {"spec": pod}}}) == ["API_TOKEN"]
    assert hidden_programs(None, {"spec": {"template": {"spec": {"containers": [{"env": env}]}}}}) == []
