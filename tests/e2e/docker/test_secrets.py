"""Secrets reach the process in the container, and nothing else."""

import asyncio
import json
import logging
from contextlib import aclosing
from pathlib import Path

import pytest

from opstwin.domain.plan import Op
from opstwin.domain.values import Spec
from opstwin.errors import Rejected
from opstwin.targets.ports import Driver
from opstwin.targets.secrets import HubSecrets
from tests.e2e.docker.spot import DEADLINE_S, Spot, address, driver_at

pytestmark = pytest.mark.docker

CANARY = "CANARY-4f1c9a77d2"
FILE_CANARY = "CANARY-file-83ab"


@pytest.fixture
async def keeper(spot: Spot, tmp_path: Path) -> Driver:
    """A driver of a hub that holds two secrets."""
    (tmp_path / "db-password").write_text(FILE_CANARY + "\n")
    await spot.driver.writer.close()
    spot.driver = driver_at(address(), secrets=HubSecrets({"API_TOKEN": CANARY}, tmp_path), on_call=spot.calls.append)
    return spot.driver


def asking(spot: Spot, **more: object) -> Spec:
    return spot.spec(secret_env={"TOKEN": "env:API_TOKEN", "DB": "file:db-password"}, **more)  # type: ignore[arg-type]


async def test_a_process_gets_its_secrets_and_the_spec_shows_references(spot: Spot, keeper: Driver) -> None:
    made = await spot.create(asking(spot))
    assert made.spec == asking(spot)
    inside = spot.said("/bin/env")
    assert f"TOKEN={CANARY}\n" in inside
    assert f"DB={FILE_CANARY}\n" in inside


@pytest.mark.req("S5.5")
async def test_no_secret_is_in_labels_sightings_logs_or_metrics(
    spot: Spot, keeper: Driver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made = await spot.create(asking(spot))
    seen = [made, await spot.observe(), *(await keeper.reader.discover())]
    raw = spot.raw()
    in_the_open = json.dumps([raw["Config"]["Labels"], raw["Name"], raw["Args"]]) + repr(seen) + caplog.text
    assert "CANARY" not in in_the_open + " ".join(spot.calls)
    assert "env:API_TOKEN" in raw["Config"]["Labels"]["io.opstwin.spec"]


async def test_no_secret_is_in_an_error_when_the_engine_refuses(spot: Spot, keeper: Driver) -> None:
    # The engine quotes the label it cannot use, which here is the secret itself.
    sneaky = {**asking(spot), "mounts": [{"path": f"relative/{CANARY}", "volume": None, "host_path": "/tmp"}]}
    with pytest.raises(Rejected) as refused:
        await spot.create(sneaky)
    assert "relative/***" in refused.value.message
    assert "CANARY" not in f"{refused.value} {refused.value.details} {refused.value.__cause__}"


async def test_a_secret_that_is_missing_is_named_and_nothing_is_made(spot: Spot, keeper: Driver) -> None:
    with pytest.raises(Rejected, match="env:MISSING") as refused:
        await spot.create(spot.spec(secret_env={"A": "env:API_TOKEN", "B": "env:MISSING"}))
    assert refused.value.details["field"] == "secret_env"
    assert "CANARY" not in str(refused.value)
    assert spot.names() == []


@pytest.fixture
async def forgetful(spot: Spot, keeper: Driver) -> Driver:
    """The driver of a hub that was started again without its secrets; a container there has them and says them."""
    says = ["/bin/sh", "-c", "echo pw=$TOKEN $DB; echo dsn $DB >&2; exec sleep 3600"]
    await spot.create(asking(spot, command=says))
    await keeper.writer.close()
    spot.driver = driver_at(address(), on_call=spot.calls.append)
    return spot.driver


@pytest.mark.proves("J1")
@pytest.mark.req("S5.5")
async def test_a_log_is_without_secrets_that_the_hub_does_not_have_any_more(spot: Spot, forgetful: Driver) -> None:
    log = forgetful.reader.logs(spot.id(), tail=10, follow=True)
    async with asyncio.timeout(DEADLINE_S), aclosing(log) as lines:  # type: ignore[type-var]
        told = {(await anext(lines)).text, (await anext(lines)).text}
    assert told == {"pw=*** ***", "dsn ***"}


@pytest.mark.proves("J1")
@pytest.mark.req("S5.5")
async def test_a_commands_output_is_without_secrets_that_the_hub_does_not_have_any_more(
    spot: Spot, forgetful: Driver
) -> None:
    said = await forgetful.writer.exec(
        spot.id(), ["/bin/sh", "-c", "echo $DB; echo no $TOKEN >&2"], timeout_s=20, limit_bytes=1000
    )
    assert (said.stdout, said.stderr) == ("***\n", "no ***\n")


async def test_secret_looking_values_of_a_container_made_by_hand_are_masked(spot: Spot) -> None:
    environment = {
        "DB_PASSWORD": CANARY, "API_KEY": CANARY, "URL": f"postgres://shop:{CANARY}@db/shop", "COLOUR": "green",
        "EMPTY_TOKEN": "",
    }  # fmt: skip
    command = ["/bin/sh", "-c", "sleep 3600", f"https://user:{CANARY}@host/"]
    spot.run(environment=environment, command=command)
    seen = await spot.observe()
    assert "CANARY" not in repr(seen)
    assert seen.spec is not None
    assert seen.spec["env"] == {
        "DB_PASSWORD": "***", "API_KEY": "***", "URL": "postgres://***@db/shop", "COLOUR": "green", "EMPTY_TOKEN": "",
    }  # fmt: skip
    assert seen.spec["command"] == [*command[:3], "https://***@host/"]


async def test_replacing_an_adopted_container_keeps_the_values_that_were_masked(spot: Spot) -> None:
    command = ["/bin/sh", "-c", "sleep 3600", f"https://user:{CANARY}@host/"]
    spot.run(environment={"DB_PASSWORD": CANARY}, command=command)
    adopted = (await spot.observe()).spec
    assert adopted is not None
    wanted = {**adopted, "env": {"DB_PASSWORD": "***", "NEW": "1"}}
    first = await spot.driver.writer.apply(spot.order(Op.REPLACE, "one.0", after=wanted, found=adopted))
    assert first.spec == wanted
    again = {**wanted, "env": {"DB_PASSWORD": "***"}}
    second = await spot.driver.writer.apply(spot.order(Op.REPLACE, "two.0", after=again, found=wanted))
    assert second.spec == again
    assert f"DB_PASSWORD={CANARY}\n" in spot.said("/bin/env")
    assert spot.raw()["Config"]["Cmd"] == command
    assert "CANARY" not in repr(second)


async def test_a_mask_is_never_given_to_a_container_as_a_value(spot: Spot) -> None:
    with pytest.raises(Rejected, match="DB_PASSWORD") as refused:
        await spot.create(spot.spec(env={"DB_PASSWORD": "***"}))
    assert "secret_env" in refused.value.next_step
    assert spot.names() == []
