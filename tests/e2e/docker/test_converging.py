"""A worker that dies anywhere in a step: whoever repeats the step brings it to its one end."""

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest

from opstwin.domain.plan import Op
from opstwin.domain.values import Spec
from opstwin.errors import Rejected
from opstwin.targets.ports import Order
from tests.e2e.docker.spot import Effects, Spot, address

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[3]


async def dying(order: Order, die_after: int) -> int:
    """How many changes the step made when it came to its end; 0 when it was killed on the way."""
    change = order.change
    text = json.dumps(
        {
            "kind": change.kind, "name": change.name, "op": change.op.value, "key": order.key, "after": change.after,
            "found": order.found,
        }
    )  # fmt: skip
    words = [sys.executable, "-m", "tests.e2e.docker.dying", address(), text, str(die_after)]
    child = await asyncio.create_subprocess_exec(*words, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    out, _ = await child.communicate()
    assert child.returncode in (0, -signal.SIGKILL)
    return int(out) if child.returncode == 0 else 0


async def prepared(spot: Spot, op: Op, index: int) -> tuple[Order, Spec | None]:
    """A step on a container of its own, and what should be there when it is done."""
    rest = f"{op.value}{index}"
    before = spot.spec(env={"OLD": "1"})
    if op is not Op.CREATE:
        await spot.create(before, rest=rest, key=f"before{index}.0")
    after = {Op.CREATE: before, Op.REPLACE: spot.spec(env={"NEW": "1"}), Op.RESTART: before}.get(op)
    found = None if op is Op.CREATE else before
    return spot.order(op, f"dying{index}.0", rest=rest, after=after, found=found), after


@pytest.mark.proves("A2")
@pytest.mark.parametrize("op", [Op.CREATE, Op.REPLACE, Op.RESTART, Op.DELETE])
async def test_a_step_killed_after_any_of_its_changes_has_one_effect_when_repeated(spot: Spot, op: Op) -> None:
    ended, index = 0, 0
    while not ended:
        index += 1
        order, after = await prepared(spot, op, index)
        effects = Effects(spot)
        ended = await dying(order, die_after=index)
        seen = await spot.driver.writer.apply(order)
        assert seen.spec == after
        assert effects.count("container", "create") == (op in (Op.CREATE, Op.REPLACE))
        assert effects.count("container", "destroy") == (op in (Op.REPLACE, Op.DELETE))
        assert effects.count("container", "restart") == (op is Op.RESTART)
        assert [name for name in spot.names() if name.startswith(spot.name(f"{op.value}{index}"))] == (
            [] if op is Op.DELETE else [spot.name(f"{op.value}{index}")]
        )
    assert index == ended + 1
    assert ended >= 2


async def test_a_replace_killed_anywhere_can_be_undone_by_the_way_back(spot: Spot) -> None:
    ended, index = 0, 0
    while not ended:
        index += 1
        order, after = await prepared(spot, Op.REPLACE, index)
        ended = await dying(order, die_after=index)
        back = spot.order(Op.REPLACE, f"dying{index}.1", rest=f"replace{index}", after=order.found, found=after)
        seen = await spot.driver.writer.apply(back)
        assert seen.spec == order.found
        assert [name for name in spot.names() if f"replace{index}" in name] == [spot.name(f"replace{index}")]


async def test_a_replacement_that_cannot_start_leaves_the_old_one_as_it_was(spot: Spot) -> None:
    old = await spot.create()
    with pytest.raises(Rejected) as refused:
        await spot.driver.writer.apply(
            spot.order(Op.REPLACE, "second.0", after=spot.spec(command=["/bin/nothing"]), found=old.spec)
        )
    assert "/bin/nothing" in refused.value.message
    seen = await spot.observe()
    assert (seen.facts["id"], seen.spec) == (old.facts["id"], old.spec)
    assert spot.names() == [spot.name()]


async def test_a_replacement_whose_settings_are_refused_never_stops_the_old_one(spot: Spot) -> None:
    old = await spot.create()
    after = spot.spec(mounts=[{"path": "/x", "volume": None, "host_path": "/nothing/here", "read_only": False}])
    with pytest.raises(Rejected, match="/nothing/here"):
        await spot.driver.writer.apply(spot.order(Op.REPLACE, "second.0", after=after, found=old.spec))
    seen = await spot.observe()
    assert (seen.facts["id"], seen.facts["started_at"]) == (old.facts["id"], old.facts["started_at"])
    assert spot.names() == [spot.name()]


async def test_halves_of_a_replacement_are_no_resources(spot: Spot) -> None:
    for half in ("web-1.opstwin-next", "web-1.opstwin-previous"):
        spot.run(half)
    found = [item.name for item in await spot.driver.reader.discover()]
    assert not [name for name in found if name.startswith(spot.prefix)]
