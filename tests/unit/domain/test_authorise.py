"""There is no path from a reject, an expiry, a changed plan or a wrong decider to an execution."""

import itertools
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from opstwin.domain.access import Actor, ActorKind, Principal, Scope
from opstwin.domain.approval import (
    SOLO,
    TWO_PERSON,
    Approval,
    Decision,
    People,
    Policy,
    Rule,
    authorise,
    check_decider,
    decision_from,
    expiry,
    people_of,
)
from opstwin.domain.plan import Plan, PlanState, Risk, plan_digest, sealed
from opstwin.domain.values import ApprovalId, Digest, ExecutionId, PlanId
from opstwin.errors import Forbidden, InvalidInput, NotApproved, StalePlan
from tests.unit.domain.everything import NOW, PLAN, change

MINUTE = timedelta(minutes=1)


def principal(id: str, kind: ActorKind = ActorKind.PERSON, **fields: str) -> Principal:
    return Principal(id=id, kind=kind, display_name=id, scopes=frozenset(Scope), created_at=NOW, **fields)  # type: ignore[arg-type]


HUMAN = {"anna": "anna", "anna2": "anna", "anna3": "anna", "robot": "anna", "ben": "ben", "cron": "ben", "zoe": "zoe"}
"""Who is behind each account, written down by hand: the oracle for `people_of`."""

PEOPLE = people_of(
    [
        principal("anna3", same_person_as="anna2"),
        principal("anna"),
        principal("anna2", same_person_as="anna"),
        principal("robot", ActorKind.AGENT, on_behalf_of="anna3"),
        principal("ben"),
        principal("cron", ActorKind.SCHEDULE, on_behalf_of="ben"),
    ]
)
ACTORS = [
    Actor(kind=kind, id=id, on_behalf_of=on_behalf_of)
    for kind in ActorKind
    for id in ("anna", "anna2", "anna3", "robot", "ben", "cron", "zoe")
    for on_behalf_of in (None, "anna", "ben")
]
THREE: Policy = {**TWO_PERSON, Risk.DESTRUCTIVE: Rule(approvals=3, self_approval=False, expires_s=60)}


def plan_by(actor: Actor, risk: Risk = Risk.HIGH, id: str = "plan_1") -> Plan:
    asked = replace(PLAN, id=PlanId(id), requested_by=actor, risk=risk, changes=(change(risk=risk),))
    return sealed(replace(asked, state=PlanState.PENDING))


def approval(plan: Plan, by: Actor, **fields: object) -> Approval:
    values: dict[str, object] = {
        "id": ApprovalId("appr_1"), "plan_id": plan.id, "digest": plan.digest, "decision": Decision.APPROVE,
        "decided_by": by, "decided_by_id": by.id, "reason": "", "decided_at": NOW - MINUTE,
        "expires_at": NOW + MINUTE, **fields,
    }  # fmt: skip
    return Approval(**values)  # type: ignore[arg-type]


def person(id: str) -> Actor:
    return Actor(kind=ActorKind.PERSON, id=id)


def runs(plan: Plan, given: Sequence[Approval], policy: Policy = TWO_PERSON, now: datetime = NOW) -> bool:
    try:
        return bool(authorise(plan, given, policy, PEOPLE, now))
    except (NotApproved, StalePlan):
        return False


def test_another_persons_fresh_approval_of_this_very_plan_lets_it_run_once() -> None:
    plan = plan_by(person("anna"))
    good = approval(plan, person("ben"))
    assert authorise(plan, [good], TWO_PERSON, PEOPLE, NOW) == (good,)


@pytest.mark.proves("G4")
def test_nobody_approves_his_own_high_risk_plan_whatever_account_he_uses() -> None:
    """Every requester × every decider, over second accounts, agents and schedules."""
    allowed = 0
    made = {requester: plan_by(requester) for requester in ACTORS}
    for requester, decider in itertools.product(ACTORS, ACTORS):
        plan = made[requester]
        ran = runs(plan, [approval(plan, decider)])
        behind = {HUMAN[requester.id], HUMAN[requester.on_behalf_of or requester.id]}
        expected = decider.kind is ActorKind.PERSON and HUMAN[decider.id] not in behind
        assert ran is expected, (requester, decider)
        allowed += ran
    assert allowed > 50


@pytest.mark.proves("G4")
@pytest.mark.parametrize("risk", list(Risk))
def test_deciding_is_refused_for_the_same_reasons_as_running(risk: Risk) -> None:
    made = {requester: plan_by(requester, risk) for requester in ACTORS}
    for requester, decider in itertools.product(ACTORS, ACTORS):
        plan = made[requester]
        behind = {HUMAN[requester.id], HUMAN[requester.on_behalf_of or requester.id]}
        himself = HUMAN[decider.id] in behind
        refused = decider.kind is not ActorKind.PERSON or (himself and not TWO_PERSON[risk].self_approval)
        with pytest.raises(Forbidden) if refused else nullcontext():
            check_decider(plan, decider, TWO_PERSON[risk], PEOPLE, Decision.APPROVE)


def test_a_person_may_always_reject_his_own_plan() -> None:
    check_decider(plan_by(person("anna")), person("anna"), TWO_PERSON[Risk.HIGH], PEOPLE, Decision.REJECT)


@pytest.mark.proves("G5")
@pytest.mark.parametrize(
    "wrong",
    [
        {"used_by": ExecutionId("exec_1")},
        {"digest": Digest("sha256:" + "0" * 64)},
        {"digest": Digest("")},
        {"plan_id": PlanId("plan_2")},
        {"decision": Decision.REJECT},
        {"expires_at": NOW},
        {"expires_at": NOW - MINUTE},
        {"decided_at": NOW + MINUTE},
        {"decided_by": Actor(kind=ActorKind.AGENT, id="ben")},
        {"decided_by": Actor(kind=ActorKind.SCHEDULE, id="ben", on_behalf_of="ben")},
        {"decided_by_id": "anna"},
        {"decided_by": person("anna")},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_used_forged_expired_or_strange_approval_lets_nothing_run(wrong: dict[str, object]) -> None:
    plan = plan_by(person("anna"))
    assert runs(plan, [approval(plan, person("ben"))])
    assert not runs(plan, [approval(plan, person("ben"), **wrong)])


@pytest.mark.proves("G5")
def test_one_flipped_bit_of_the_digest_is_another_digest() -> None:
    plan = plan_by(person("anna"))
    raw = plan.digest.encode()
    for bit in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        forged = Digest(flipped.decode("latin-1"))
        assert not runs(plan, [approval(plan, person("ben"), digest=forged)])
        assert not runs(replace(plan, digest=forged), [approval(plan, person("ben"), digest=forged)])


@pytest.mark.proves("G5")
def test_an_approval_of_one_plan_is_none_of_another() -> None:
    one, other = plan_by(person("anna")), plan_by(person("anna"), id="plan_2")
    for forged in ({}, {"plan_id": other.id}, {"plan_id": other.id, "digest": one.digest}):
        assert not runs(other, [approval(one, person("ben"), **forged)])


def test_a_reject_outweighs_any_number_of_approvals_and_does_not_expire() -> None:
    plan = plan_by(person("anna"))
    good = [approval(plan, person("ben")), approval(plan, person("zoe"))]
    for fields in ({}, {"expires_at": NOW - MINUTE}, {"digest": Digest("")}, {"used_by": ExecutionId("exec_1")}):
        reject = approval(plan, person("zoe"), decision=Decision.REJECT, **fields)
        for order in itertools.permutations([*good, reject]):
            assert not runs(plan, order)
    assert not runs(replace(plan, state=PlanState.REJECTED), good)


@pytest.mark.parametrize("seconds", [0, 1, 86400])
def test_a_plan_whose_time_is_over_does_not_run(seconds: float) -> None:
    plan = plan_by(person("anna"))
    late = plan.expires_at + timedelta(seconds=seconds)
    fresh = approval(plan, person("ben"), decided_at=late - MINUTE, expires_at=late + MINUTE)
    assert not runs(plan, [fresh], now=late)
    assert runs(plan, [replace(fresh, decided_at=NOW)], now=plan.expires_at - timedelta(microseconds=1))


@pytest.mark.proves("G2")
def test_a_plan_that_claims_less_risk_than_its_changes_is_judged_by_its_changes() -> None:
    meek = sealed(replace(plan_by(person("anna")), risk=Risk.LOW, changes=(change(risk=Risk.DESTRUCTIVE),)))
    assert not runs(meek, [approval(meek, person("anna"))])
    assert runs(meek, [approval(meek, person("ben"))])


@pytest.mark.parametrize(
    "text", ["approve ", "Approve", "APPROVE", "approved", "yes", "ok", "", None, True, 1, ["approve"]]
)
def test_every_word_but_approve_is_a_reject(text: object) -> None:
    assert decision_from(text) is Decision.REJECT


def test_only_the_very_word_approve_approves() -> None:
    assert decision_from("approve") is Decision.APPROVE


def test_several_approvals_are_those_of_several_humans() -> None:
    plan = plan_by(person("zoe"), Risk.DESTRUCTIVE)
    same = [approval(plan, person(name)) for name in ("anna", "anna2", "anna3", "anna")]
    assert not runs(plan, [*same, approval(plan, person("ben"))], THREE)
    carol = approval(plan, person("carol"))
    assert runs(plan, [*same, approval(plan, person("ben")), carol], THREE)


def test_a_rule_without_an_approval_cannot_be_made() -> None:
    for approvals, expires_s in ((0, 60.0), (-1, 60.0), (1, 0.0), (1, float("nan"))):
        with pytest.raises(InvalidInput):
            Rule(approvals=approvals, self_approval=True, expires_s=expires_s)


def test_a_decision_holds_for_the_rules_time() -> None:
    assert expiry(TWO_PERSON[Risk.DESTRUCTIVE], NOW) - NOW == timedelta(minutes=15)


@given(st.permutations(["a", "b", "c", "d", "e", "f"]), st.booleans(), st.permutations(range(6)))
@settings(deadline=None, max_examples=100)
def test_however_accounts_are_chained_they_are_one_human(order: list[str], circle: bool, rows: list[int]) -> None:
    chain = [
        principal(name, same_person_as=order[place + 1] if place + 1 < len(order) else order[0] if circle else None)  # type: ignore[arg-type]
        for place, name in enumerate(order)
    ]
    people = people_of([chain[row] for row in rows])
    assert len({people.human(name) for name in order}) == 1
    assert people.human("somebody else") == "somebody else"


plans = st.builds(plan_by, st.sampled_from(ACTORS), st.sampled_from(list(Risk)), st.sampled_from(["plan_1", "plan_2"]))


@st.composite
def situations(draw: st.DrawFn) -> tuple[Plan, list[Approval], Policy, datetime]:
    plan = draw(plans)
    given = [
        approval(
            plan,
            draw(st.sampled_from(ACTORS)),
            decision=draw(st.sampled_from([Decision.APPROVE, Decision.APPROVE, Decision.APPROVE, Decision.REJECT])),
            digest=draw(st.sampled_from([plan.digest, plan.digest, Digest("sha256:" + "1" * 64)])),
            plan_id=draw(st.sampled_from([plan.id, plan.id, PlanId("plan_3")])),
            used_by=draw(st.sampled_from([None, None, ExecutionId("exec_1")])),
            decided_at=NOW + draw(st.sampled_from([-2, -1, 0, 1])) * MINUTE,
            expires_at=NOW + draw(st.sampled_from([-1, 0, 1, 1, 1])) * MINUTE,
        )
        for _ in range(draw(st.integers(0, 4)))
    ]
    changed = draw(st.sampled_from([plan, plan, plan, replace(plan, request="something else")]))
    state = draw(st.sampled_from([PlanState.PENDING, PlanState.APPROVED, PlanState.REJECTED]))
    now = draw(st.sampled_from([NOW, NOW, NOW, plan.expires_at]))
    return replace(changed, state=state), given, draw(st.sampled_from([TWO_PERSON, SOLO, THREE])), now


@pytest.mark.proves("G2", "G4", "G5")
@settings(deadline=None, max_examples=400)
@given(situations())
@example((plan_by(person("anna")), [], TWO_PERSON, NOW))
def test_what_runs_was_approved_by_enough_other_people_and_rejected_by_none(
    situation: tuple[Plan, list[Approval], Policy, datetime],
) -> None:
    plan, given, policy, now = situation
    if not runs(plan, given, policy, now):
        return
    used = authorise(plan, given, policy, PEOPLE, now)
    rule = policy[plan.risk]
    assert plan_digest(plan) == plan.digest
    assert now < plan.expires_at
    assert plan.state is not PlanState.REJECTED
    assert not [item for item in given if item.plan_id == plan.id and item.decision is Decision.REJECT]
    assert set(map(id, used)) <= set(map(id, given))
    assert len({HUMAN[item.decided_by.id] for item in used}) == len(used) >= rule.approvals >= 1
    for item in used:
        assert (item.plan_id, item.digest, item.decision) == (plan.id, plan.digest, Decision.APPROVE)
        assert item.decided_by.kind is ActorKind.PERSON
        assert item.used_by is None
        assert item.decided_at <= now < item.expires_at
        asked = {plan.requested_by.id, plan.requested_by.on_behalf_of or plan.requested_by.id}
        assert rule.self_approval or HUMAN[item.decided_by.id] not in {HUMAN[name] for name in asked}


def test_people_nobody_told_of_stand_for_themselves() -> None:
    plan = plan_by(person("anna"))
    assert authorise(plan, [approval(plan, person("ben"))], TWO_PERSON, People(humans={}), NOW)
