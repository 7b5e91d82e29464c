"""A plan that gives a workload less than it was measured to need says so, with the figures."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from opstwin.control.told_notes import told_note
from opstwin.domain.audit import AuditEntry
from opstwin.domain.deployment import Deployment, Usage
from opstwin.domain.right_sizing import LEAST_SAMPLES, MI
from opstwin.domain.series import Metric, Sample
from opstwin.domain.values import ResourceId
from opstwin.twin.store import Put
from tests.interaction.house import HUB, Client, House

USED = Usage(
    samples=240, cpu_mean=200, cpu_p50=180, cpu_p95=400, cpu_max=900, memory_mean=150 * MI, memory_p50=150 * MI,
    memory_p95=190 * MI, memory_max=200 * MI,
)  # fmt: skip


async def deployed(house: House, client: Client, **known: Any) -> None:
    """A web that held, and what is known of it since."""
    plan = await client.approved("deploy app:1 as web with 512Mi memory")
    await client.post(f"/plans/{plan['id']}:apply")
    await house.work()
    [record] = await house.services.ledger.all(Deployment)
    entry = AuditEntry(action="deployment.usage", subject="history", actor=HUB)
    await house.services.ledger.commit([Put(replace(record, **known))], [entry])


async def notes(client: Client, words: str) -> list[str]:
    answer = await client.post("/plans", {"words": words})
    assert answer.status_code == 201, answer.text
    return [note for note in answer.json()["notes"] if note.startswith("web")]


@pytest.mark.req("S5.41")
async def test_memory_below_the_measured_peak_is_noted_with_the_figures(house: House) -> None:
    async with house.caller() as client:
        await deployed(house, client, usage=USED)
        [note] = await notes(client, "set memory of web to 128Mi")
        [korean] = await notes(client, "web 메모리를 128Mi로 설정해줘")
    for figure in ("128 MiB", "200 MiB", "240", "230 MiB"):
        assert figure in note
        assert figure in korean
    assert "메모리" in korean


async def test_a_redeploy_is_looked_at_like_a_change(house: House) -> None:
    async with house.caller() as client:
        await deployed(house, client, usage=USED)
        found = await notes(client, "deploy app:2 as web with 128Mi memory")
    assert any("below the 200 MiB" in note for note in found), found


async def test_cpu_far_below_its_95th_percentile_is_noted(house: House) -> None:
    async with house.caller() as client:
        await deployed(house, client, usage=USED)
        [note] = await notes(client, "set cpu of web to 150m")
        assert "400m" in note
        assert not await notes(client, "set cpu of web to 300m")


async def test_the_limit_at_which_it_was_killed_is_not_enough(house: House) -> None:
    async with house.caller() as client:
        await deployed(house, client, oom_events=2, memory_limit=512 * MI)
        [note] = await notes(client, "set memory of web to 256Mi")
        assert "killed for memory" in note
        assert "512 MiB" in note
        assert not await notes(client, "set memory of web to 1Gi")


@pytest.mark.parametrize("words", ["set memory of web to 256Mi", "scale web to 2", "upgrade web to app:2"])
async def test_enough_is_not_noted(house: House, words: str) -> None:
    async with house.caller() as client:
        await deployed(house, client, usage=USED)
        assert not await notes(client, words)


async def test_too_few_measurements_say_nothing(house: House) -> None:
    async with house.caller() as client:
        await deployed(house, client, usage=replace(USED, samples=LEAST_SAMPLES - 1))
        assert not await notes(client, "set memory of web to 128Mi")


async def test_what_was_measured_since_counts_before_it_is_in_the_records(house: House) -> None:
    async with house.caller() as client:
        await deployed(house, client)
        now = house.clock.now()
        readings = [
            Sample(
                resource=ResourceId("local/container/web-1"), metric=metric, at=now, value=value,
                labels=(("workload", "web"),),
            )
            for metric, value in ((Metric.CPU_MILLICORES, 50.0), (Metric.MEMORY_BYTES, 300.0 * MI))
        ]  # fmt: skip
        for _ in range(LEAST_SAMPLES):
            house.clock.advance(15)
            at = house.clock.now()
            await house.services.sampler.store.write([replace(item, at=at) for item in readings])
        [note] = await notes(client, "set memory of web to 256Mi")
    assert "300 MiB" in note


async def test_what_is_noted_may_stand_beside_a_decision_in_both_languages(house: House) -> None:
    async with house.caller() as client:
        await deployed(house, client, usage=USED)
        found = [*await notes(client, "set memory of web to 128Mi"), *await notes(client, "set cpu of web to 150m")]
    assert len(found) == 2
    for note in found:
        assert told_note(note, "en") == note
        assert "제한" in told_note(note, "ko")


@pytest.mark.proves("H8")
async def test_nobody_is_told_what_another_organisation_measured(tmp_path: Path) -> None:
    tenants = {"knowledge": {"tenants": {"shop": ["owner"], "bank": ["operator"]}}}
    house = await House(tmp_path, settings=tenants).furnish()
    async with house.caller("owner") as shop, house.caller("operator") as bank:
        await deployed(house, shop, usage=USED, oom_events=2, memory_limit=512 * MI)
        words = "set memory of web to 128Mi"
        assert await notes(shop, words)
        assert await notes(bank, words) == []
