"""What generated manifests learn from: the past of the organisation that asks, nothing in quarantine; and the rules."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from opstwin.domain.audit import AuditEntry
from opstwin.domain.deployment import Deployment
from opstwin.twin.store import Put
from tests.interaction.house import HUB, Client, House

MI = 1024 * 1024
RULES = """
rules:
  - name: few
    match: {kinds: [Deployment]}
    expression: object.spec.replicas < 2
    message: One replica is enough.
"""


@pytest.fixture
async def divided(tmp_path: Path) -> House:
    """A hub that two organisations share."""
    tenants = {"knowledge": {"tenants": {"shop": ["owner"], "bank": ["operator"]}}}
    return await House(tmp_path, settings=tenants).furnish()


async def starved(house: House, client: Client) -> str:
    """A deployment of app:1 that ran out of memory with 700 MiB; its id."""
    plan = await client.approved("deploy app:1 as web with 2 replicas")
    await client.post(f"/plans/{plan['id']}:apply")
    await house.work()
    ledger = house.services.ledger
    [past] = await ledger.all(Deployment)
    await ledger.commit(
        [Put(replace(past, memory_limit=700 * MI, oom_events=2))], [AuditEntry(action="t", subject="t", actor=HUB)]
    )
    return past.id


async def made(client: Client, **asked: Any) -> dict[str, Any]:
    answer = await client.post("/manifests:generate", {"file": "name: api\nimage: app:1\n", **asked})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def limit_of(found: dict[str, Any]) -> str:
    document = next(item["document"] for item in found["manifests"] if item["kind"] == "Deployment")
    return str(document["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"])


@pytest.mark.req("S5.41")
@pytest.mark.proves("H8")
async def test_manifests_learn_from_the_past_of_the_askers_own_organisation_alone(divided: House) -> None:
    async with divided.caller() as shop, divided.caller("operator") as bank:
        own = await starved(divided, shop)
        ours, theirs = await made(shop), await made(bank)
    assert own in [item["id"] for item in ours["history"]]
    assert own in ours["cited"]
    assert limit_of(ours) == "875Mi"
    assert (theirs["history"], own in theirs["cited"]) == ([], False)
    assert limit_of(theirs) != limit_of(ours)


@pytest.mark.proves("H3")
async def test_manifests_learn_nothing_from_what_is_in_quarantine(house: House) -> None:
    async with house.caller() as client:
        own = await starved(house, client)
        before = await made(client)
        await client.post("/deployments:quarantine", {"id": own, "reason": "measured on another machine"})
        after = await made(client)
        await client.post("/deployments:release", {"id": own, "reason": "it was not"})
        again = await made(client)
    assert [own in found["cited"] for found in (before, after, again)] == [True, False, True]
    assert limit_of(before) == limit_of(again) != limit_of(after)
    assert after["history"] == []


async def test_generated_manifests_are_checked_with_the_operators_rules_like_a_plan(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    house = await House(tmp_path, settings={"manifest_policy": tmp_path / "rules.yaml"}).furnish()
    async with house.caller() as client:
        found = await made(client, file="name: api\nimage: app:1\nreplicas: 3\n")
        small = await made(client)
    told = {item["rule"]: item for item in found["checks"]}
    assert (told["policy/few"]["level"], told["policy/few"]["message"]) == ("error", "One replica is enough.")
    assert "policy/few" not in {item["rule"] for item in small["checks"]}
