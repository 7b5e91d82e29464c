"""An engine that is away, mute, dying or no engine at all."""

import asyncio
from pathlib import Path

import pytest

from opstwin.domain.plan import Op
from opstwin.domain.resource import Health, Presence
from opstwin.domain.values import Spec
from opstwin.errors import NotFound, Rejected, TargetError, Timeout, Unreachable
from opstwin.targets.specs import BARE_VOLUME
from tests.e2e.docker.spot import TARGET, Effects, Spot, address, driver_at, order_for
from tests.e2e.docker.wire import black_hole, forger, lossy, serving

pytestmark = pytest.mark.docker

GUARD_S = 20.0
"""No call below may take so long; each is given a fraction of it."""


async def test_building_a_driver_connects_to_nothing(tmp_path: Path) -> None:
    called: list[str] = []
    driver = driver_at(f"unix://{tmp_path / 'nothing.sock'}", on_call=called.append)
    assert called == []
    with pytest.raises(Unreachable) as away:
        await driver.reader.info()
    assert str(tmp_path) in away.value.message
    assert "opstwin targets test" in away.value.next_step
    assert called == ["info:unreachable"]
    await driver.writer.close()


async def test_nobody_listening_on_a_port_is_unreachable() -> None:
    driver = driver_at("tcp://127.0.0.1:9")
    with pytest.raises(Unreachable):
        await driver.reader.discover()
    await driver.writer.close()


@pytest.mark.proves("B2")
async def test_a_mute_engine_ends_in_timeout_and_what_it_holds_is_unknown(tmp_path: Path) -> None:
    called: list[str] = []
    async with black_hole(tmp_path) as hole, asyncio.timeout(GUARD_S):
        driver = driver_at(hole, on_call=called.append, call_timeout_s="0.2")
        create = order_for("volume", "data", Op.CREATE, "x.0", after=BARE_VOLUME, deadline_s=0.3)
        with pytest.raises(Timeout) as late:
            await driver.writer.apply(create)
        assert "opstwin discover" in late.value.next_step
        seen = await driver.reader.observe(create.change.resource)
        assert (seen.presence, seen.health, seen.spec) == (Presence.UNKNOWN, Health.UNKNOWN, None)
        assert "did not answer" in seen.error
        for call in (driver.reader.info, driver.reader.discover):
            with pytest.raises(Timeout):
                await call()
        await driver.writer.close()
    assert called[:2] == ["volume.create:timeout", "volume.inspect:timeout"]


@pytest.mark.proves("B2")
async def test_more_hanging_calls_than_threads_still_all_time_out(tmp_path: Path) -> None:
    async with black_hole(tmp_path) as hole, asyncio.timeout(GUARD_S):
        driver = driver_at(hole, call_timeout_s="0.2")
        resource = order_for("volume", "data", Op.DELETE, "x.0").change.resource
        seen = await asyncio.gather(*(driver.reader.observe(resource) for _ in range(50)))
        assert {item.presence for item in seen} == {Presence.UNKNOWN}
        await driver.writer.close()


async def test_closing_a_driver_ends_what_still_waits(tmp_path: Path) -> None:
    asked = asyncio.Event()
    async with black_hole(tmp_path, asked) as hole, asyncio.timeout(GUARD_S):
        driver = driver_at(hole, call_timeout_s="600")
        waiting = asyncio.create_task(driver.reader.info())
        await asked.wait()
        await driver.writer.close()
        with pytest.raises(Timeout):
            await waiting
        with pytest.raises(Unreachable):
            await driver.reader.info()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        ("404 Not Found", "<html>nginx</html>"),
        ("404 Not Found", '{"message": "page not found"}'),
        ("404 Not Found", "{}"),
        ("403 Forbidden", '{"message": "not for you"}'),
        ("500 Internal Server Error", '{"message": "no such container: broken"}'),
        ("502 Bad Gateway", "oops"),
        ("200 OK", "<html>hello</html>"),
        ("200 OK", "[]"),
        ("200 OK", "{}"),
    ],
)
async def test_only_an_engines_own_no_such_thing_means_absent(tmp_path: Path, status: str, body: str) -> None:
    async with forger(tmp_path, status, body) as place, asyncio.timeout(GUARD_S):
        driver = driver_at(place)
        resource = order_for("container", "web-1", Op.DELETE, "x.0").change.resource
        seen = await driver.reader.observe(resource)
        assert seen.presence is Presence.UNKNOWN
        assert seen.error
        with pytest.raises(TargetError):
            await driver.reader.info()
        await driver.writer.close()


async def test_an_engines_no_such_container_means_absent(tmp_path: Path) -> None:
    async with forger(tmp_path, "404 Not Found", '{"message": "No such container: web-1"}') as place:
        driver = driver_at(place)
        resource = order_for("container", "web-1", Op.DELETE, "x.0").change.resource
        assert (await driver.reader.observe(resource)).presence is Presence.ABSENT
        await driver.writer.close()


async def test_what_is_no_engine_is_said_to_be_none(tmp_path: Path) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")

    async with serving(tmp_path / "ssh.sock", greet) as place:
        driver = driver_at(place)
        with pytest.raises(TargetError):
            await driver.reader.info()
        await driver.writer.close()


@pytest.mark.parametrize("name", ["../../version", "web 1", "-x", "a/../b", "", "%2e%2e", "web\n1"])
async def test_a_name_that_nothing_can_have_never_reaches_the_engine(spot: Spot, name: str) -> None:
    with pytest.raises(NotFound):
        await spot.driver.reader.observe(f"{TARGET}/container/{name}")  # type: ignore[arg-type]
    with pytest.raises(Rejected):
        await spot.driver.writer.apply(order_for("container", name, Op.DELETE, "x.0"))
    assert spot.calls == []


LOSSES = {
    "create: create": (Op.CREATE, r"POST \S*/containers/create"),
    "create: start": (Op.CREATE, r"POST \S*/start"),
    "create: inspect": (Op.CREATE, r"GET \S*/containers/\S*/json"),
    "replace: list": (Op.REPLACE, r"GET \S*/containers/json"),
    "replace: create": (Op.REPLACE, r"POST \S*/containers/create"),
    "replace: stop": (Op.REPLACE, r"POST \S*/stop"),
    "replace: set aside": (Op.REPLACE, r"POST \S*/rename\?name=\S*previous"),
    "replace: take the place": (Op.REPLACE, r"POST \S*/rename\?name=\S*web-1 "),
    "replace: start": (Op.REPLACE, r"POST \S*/start"),
    "replace: remove": (Op.REPLACE, r"DELETE \S*/containers/"),
    "update: update": (Op.UPDATE, r"POST \S*/update"),
    "restart: note": (Op.RESTART, r"POST \S*/volumes/create"),
    "restart: restart": (Op.RESTART, r"POST \S*/restart"),
    "delete: stop": (Op.DELETE, r"POST \S*/stop"),
    "delete: remove": (Op.DELETE, r"DELETE \S*/containers/"),
}


@pytest.mark.proves("B3")
@pytest.mark.parametrize(("op", "lose"), LOSSES.values(), ids=LOSSES.keys())
async def test_a_step_whose_answer_was_lost_has_one_effect_when_it_is_tried_again(
    spot: Spot, tmp_path: Path, op: Op, lose: str
) -> None:
    before = spot.spec()
    if op is not Op.CREATE:
        await spot.create(before)
    first = spot.raw() if op is not Op.CREATE else {}
    after = {Op.REPLACE: spot.spec(env={"A": "1"}), Op.UPDATE: spot.spec(restart="always"), Op.DELETE: None}.get(
        op, before
    )
    step = spot.order(op, "second.0", after=after, found=None if op is Op.CREATE else before)
    effects = Effects(spot)
    async with lossy(tmp_path, address()) as way, asyncio.timeout(GUARD_S):
        driver = driver_at(way.address)
        way.lose_next(lose)
        with pytest.raises(Timeout):
            await driver.writer.apply(step)
        assert len(way.lost) == 1
        done = await driver.writer.apply(step)
        await driver.writer.close()
    assert effects.count("container", "create") == (op in (Op.CREATE, Op.REPLACE))
    assert effects.count("container", "destroy") == (op in (Op.DELETE, Op.REPLACE))
    assert effects.count("container", "restart") == (op is Op.RESTART)
    assert done.spec == after
    assert spot.names() == ([] if op is Op.DELETE else [spot.name()])
    if op in (Op.UPDATE, Op.RESTART):
        assert done.facts["id"] == first["Id"]


@pytest.mark.proves("B3")
@pytest.mark.parametrize("kind", ["volume", "network"])
async def test_a_store_whose_answer_was_lost_is_made_once(spot: Spot, tmp_path: Path, kind: str) -> None:
    bare: Spec = {"driver": "local" if kind == "volume" else "bridge", "labels": {}}
    step = spot.order(Op.CREATE, "first.0", kind=kind, rest="store", after=bare)
    effects = Effects(spot)
    async with lossy(tmp_path, address()) as way, asyncio.timeout(GUARD_S):
        driver = driver_at(way.address)
        way.lose_next(rf"POST \S*/{kind}s/create")
        with pytest.raises(Timeout):
            await driver.writer.apply(step)
        made = await spot.observe("store", kind)
        done = await driver.writer.apply(step)
        await driver.writer.close()
    # Engines tell of a new volume again when they are asked for one that is there already.
    assert kind == "volume" or effects.count(kind, "create") == 1
    assert done == made
    assert (done.spec, done.facts["step"]) == (bare, "first.0")
