"""What of a plan is in its requester's own words, and what was taken over from what was there."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.command import Command
from opstwin.domain.draft_origin import DraftOrigin
from opstwin.domain.own_words import own_words, said_before
from opstwin.domain.plan import Change, Op, Origin, Plan, Risk, WorkloadChange
from opstwin.domain.values import Digest, PlanId, ResourceId, Spec, TargetId
from opstwin.domain.workload import Workload

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
LOCAL, WEB = TargetId("local"), ResourceId("local/container/web-1")
HOOK, OLD = "http://pay.example:9/hook", "http://old.example:9/hook"
ANY = Change(resource=WEB, target=LOCAL, kind="container", name="web-1", op=Op.UPDATE)


def plan(origin: Origin = Origin.FILE, **about: Any) -> Plan:
    """A plan of an AI client."""
    given: dict[str, Any] = {"request": "workload file: web", "changes": (), **about}
    return Plan(
        id=PlanId("plan_1"), target=LOCAL, origin=origin, risk=Risk.LOW, digest=Digest(""), created_at=NOW,
        expires_at=NOW, requested_by=Actor(kind=ActorKind.AGENT, id="planner", on_behalf_of="owner"), **given,
    )  # fmt: skip


def brings(**fields: Any) -> tuple[WorkloadChange, ...]:
    return (WorkloadChange(target=LOCAL, name="web", workload=Workload(name="web", image="team/app:1", **fields)),)


@pytest.mark.parametrize(
    "asked",
    [
        plan(Origin.WORDS, request=f"set HOOK={HOOK} on web"),
        plan(workloads=brings(env={"HOOK": HOOK})),
        plan(changes=(replace(ANY, before={"env": {"HOOK": OLD}}, after={"env": {"HOOK": HOOK}}),)),
        plan(Origin.COMMAND, changes=(replace(ANY, op=Op.EXEC, command=Command(argv=("reload", HOOK))),)),
    ],
    ids=["words", "workload", "settings", "command"],
)
def test_what_was_asked_for_is_its_requesters_own(asked: Plan) -> None:
    assert "pay.example" in own_words(asked)
    assert "old.example" not in own_words(asked)


@pytest.mark.proves("H1")
def test_what_a_resource_had_before_is_not() -> None:
    spec: Spec = {"env": {"HOOK": OLD}}
    assert "old.example" not in own_words(plan(changes=(replace(ANY, before=spec, after={**spec, "replicas": 2}),)))


@pytest.mark.proves("H1")
@pytest.mark.parametrize("origin", [Origin.COMPONENT, Origin.DRIFT, Origin.DESIRED, Origin.ROLLBACK])
def test_what_comes_back_from_elsewhere_is_not(origin: Origin) -> None:
    assert not own_words(plan(origin, workloads=brings(env={"HOOK": HOOK}), changes=(replace(ANY, after={"A": HOOK}),)))


@pytest.mark.proves("H1")
@pytest.mark.parametrize(
    "about",
    [
        {"request": "run_7: deploy local/container/web-1 to lab"},
        {"drafts": (DraftOrigin(workload="web", source="model", confidence=0.9),)},
    ],
    ids=["a run", "a draft"],
)
def test_what_was_drafted_or_taken_from_a_container_is_not(about: dict[str, Any]) -> None:
    assert "pay.example" not in own_words(plan(workloads=brings(env={"HOOK": HOOK}), **about))


@pytest.mark.proves("H1")
def test_a_short_word_is_own_only_where_it_would_have_been_found() -> None:
    assert "backdoor" not in own_words(plan(workloads=brings(env={"NOTE": "backdoor"})))
    assert "backdoor" in own_words(plan(workloads=brings(command=("backdoor",))))
    assert "backdoor" not in own_words(plan(Origin.WORDS, request="deploy app:1 as web note backdoor"))


def test_only_what_is_asked_after_is_told_and_the_newest_plans_come_first() -> None:
    asked = [plan(workloads=brings(env={"HOOK": HOOK})), plan(workloads=brings(env={"HOOK": OLD}))]
    wanted = {"pay.example", "old.example", "else.example"}
    assert said_before(asked, wanted) == {"pay.example", "old.example"}
    long = plan(Origin.WORDS, request="x " * 200_000)
    assert said_before([asked[0], long, asked[1]], wanted) == {"pay.example"}
