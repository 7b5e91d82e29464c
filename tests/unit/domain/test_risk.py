"""How risky a change is, alone and together with others, also when it is cut into small ones."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opstwin.domain.plan import Change, Op, Risk
from opstwin.domain.risk import MANY_CHANGES, Surroundings, gains_host_access, judged, together
from opstwin.domain.values import Json, Spec
from tests.unit.domain.everything import change

ALONE = Surroundings()
AMONG = Surroundings(siblings_left=3, standing=4)


def plain(op: Op = Op.UPDATE, kind: str = "container", **fields: object) -> Change:
    before: Spec | None = None if op is Op.CREATE else {"image": "app:1"}
    after: Spec | None = None if op is Op.DELETE else {"image": "app:2"}
    return change(
        **{"op": op, "kind": kind, "before": before, "after": after, "risk": Risk.NONE, "reasons": (), **fields}
    )


def risk(item: Change, around: Surroundings = AMONG) -> Risk:
    return judged(item, around).risk


@pytest.mark.parametrize("op", list(Op))
@pytest.mark.parametrize("around", [ALONE, AMONG, Surroundings(adopted=True)])
def test_whatever_loses_the_data_of_a_volume_is_destructive(op: Op, around: Surroundings) -> None:
    expected = op in (Op.DELETE, Op.REPLACE)
    assert (risk(plain(op, "volume"), around) is Risk.DESTRUCTIVE) is expected


def test_removing_the_last_replica_is_high_and_one_of_several_is_not() -> None:
    assert risk(plain(Op.DELETE), ALONE) is Risk.HIGH
    assert risk(plain(Op.DELETE), AMONG) is Risk.LOW


@pytest.mark.parametrize("op", [Op.REPLACE, Op.DELETE])
def test_what_opstwin_did_not_make_is_not_replaced_lightly(op: Op) -> None:
    assert risk(plain(op), Surroundings(adopted=True, siblings_left=2)) is Risk.HIGH


def mounts(*found: tuple[str, bool]) -> dict[str, Json]:
    return {"mounts": [{"path": "/x", "volume": None, "host_path": path, "read_only": ro} for path, ro in found]}


@pytest.mark.parametrize(
    ("before", "after", "gains"),
    [
        (None, mounts(("/", True)), True),
        (mounts(), mounts(("/var/run/docker.sock", False)), True),
        (mounts(("/a", True)), mounts(("/a", True), ("/b", True)), True),
        (mounts(("/a", True)), mounts(("/a", False)), True),
        (mounts(("/a", False)), mounts(("/a", True)), False),
        (mounts(("/a", False)), mounts(("/a", False)), False),
        (mounts(("/a", False)), None, False),
        (None, {"mounts": [{"path": "/x", "volume": "data", "host_path": None}]}, False),
        (None, {}, False),
    ],
)
def test_reaching_for_the_host_is_high_risk(before: Spec | None, after: Spec | None, gains: bool) -> None:
    assert gains_host_access(before, after) is gains
    item = plain(Op.REPLACE, before=before, after=after)
    assert risk(item) is (Risk.HIGH if gains else Risk.LOW)


@pytest.mark.parametrize("op", list(Op))
def test_a_risk_above_low_always_says_why(op: Op) -> None:
    for kind, around in itertools.product(("container", "volume", "network"), (ALONE, AMONG)):
        found = judged(plain(op, kind), around)
        assert found.risk.rank <= Risk.LOW.rank or found.reasons


risks = st.sampled_from(list(Risk))


@settings(deadline=None, max_examples=150)
@given(st.lists(risks, max_size=8), st.lists(risks, max_size=8))
def test_a_plan_is_at_least_as_risky_as_each_change_and_never_less_with_more(one: list[Risk], more: list[Risk]) -> None:
    def whole(found: list[Risk]) -> Risk:
        return together([plain(Op.CREATE, risk=item) for item in found], AMONG)[0]

    assert all(whole(one).rank >= item.rank for item in one)
    assert whole(one + more).rank >= whole(one).rank


@pytest.mark.proves("G6")
def test_very_many_small_changes_are_high_risk_together() -> None:
    few = [plain(Op.UPDATE, risk=Risk.LOW)] * (MANY_CHANGES - 1)
    assert together(few, AMONG)[0] is Risk.LOW
    risk_of_many, notes = together([*few, few[0]], AMONG)
    assert risk_of_many is Risk.HIGH
    assert notes


@pytest.mark.proves("G6")
@settings(deadline=None, max_examples=300)
@given(st.data())
def test_one_destructive_change_cut_into_small_ones_trips_before_half_is_gone(data: st.DataObject) -> None:
    """Whichever way removals are cut into plans, one plan of them needs another person before half is removed."""
    standing = data.draw(st.integers(2, 40), label="standing")
    removals = data.draw(st.integers(max(2, -(-standing // 2)), standing), label="removals")
    done, tripped = 0, False
    while done < removals:
        now = data.draw(st.integers(1, removals - done), label="removed by this plan")
        changes = [plain(Op.DELETE, risk=Risk.LOW)] * now
        found, notes = together(changes, Surroundings(standing=standing, recently_removed=done))
        if found.rank >= Risk.HIGH.rank:
            tripped = True
            assert notes
            break
        done += now
        assert done < standing / 2 or done == 1
    assert tripped


@settings(deadline=None, max_examples=100)
@given(st.integers(2, 30), st.integers(1, 30), st.integers(0, 30))
def test_cutting_never_makes_it_less_risky_than_doing_it_at_once(standing: int, first: int, second: int) -> None:
    at_once, _ = together([plain(Op.DELETE, risk=Risk.LOW)] * (first + second), Surroundings(standing=standing))
    rest, _ = together(
        [plain(Op.DELETE, risk=Risk.LOW)] * second, Surroundings(standing=standing, recently_removed=first)
    )
    start, _ = together([plain(Op.DELETE, risk=Risk.LOW)] * first, Surroundings(standing=standing))
    if second and first + second < MANY_CHANGES:
        assert max(rest.rank, start.rank) >= at_once.rank
