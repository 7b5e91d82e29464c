"""Canary secrets go in through every door; no answer to an AI client, no audit row and no measurement holds one."""

import asyncio
import base64
import io
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
import structlog

from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.audit import AuditEntry, AuditRow
from opstwin.domain.event import Event
from opstwin.domain.records import Reply
from opstwin.domain.resource import Desired
from opstwin.domain.taint import Evidence
from opstwin.domain.values import Spec
from opstwin.logs import configure_logs
from opstwin.tools.all_tools import REGISTRY
from opstwin.tools.handing import handed_out
from opstwin.tools.shaping import CONCISE, DETAILED, WHOLE, Part
from opstwin.tools.veiling import Veil
from opstwin.twin.store import Put
from tests.interaction.house import URL, House
from tests.interaction.mcp_house import ERAS, ai_client, open_house
from tests.interaction.reading_model import Model
from tests.interaction.test_injection import READS, Lures

FILE = "c4n4ry-file-Zq81"
PLAIN = "c4n4ry-plain-Xw72"
FOREIGN = "c4n4ry-foreign-Pv63"
TOKEN = "ghp_c4n4ryTokenLt54c4n4ry"
CANARIES = (FILE, PLAIN, FOREIGN, TOKEN)


def traces(text: str) -> list[str]:
    """The canaries in a text: as they are, backwards, in hex, and in base64 wherever they begin."""
    found = []
    for canary in CANARIES:
        data = canary.encode()
        encoded = [base64.b64encode(b"\x00" * shift + data).decode()[(0, 2, 3)[shift] : -4] for shift in range(3)]
        forms = [canary, canary[::-1], data.hex(), *encoded]
        found += [form for form in forms if form.lower() in text.lower()]
    return found


async def poisoned(house: House) -> None:
    """A workload with secrets, which it writes into its log in every form, and a careless one of somebody else."""
    folder = house.folder / "secrets"
    folder.mkdir()
    (folder / "db").write_text(FILE + "\n")
    lures = Lures(house)
    async with house.caller() as person:
        file = f"name: web\nimage: app:1\nenv:\n  API_TOKEN: {PLAIN}\nsecret_env:\n  DB_PASSWORD: file:db\n"
        body = f"name: shop\nservices:\n  web:\n    image: app:1\n    environment:\n      API_TOKEN: {PLAIN}\n"
        made = await person.post("/plans", {"file": body})
        assert made.status_code == 201, (made.text, file)
        plan = made.json()
        decision = {"decision": "approve", "digest": plan["digest"]}
        assert (await person.post(f"/plans/{plan['id']}:decide", decision)).status_code == 200
        await person.post(f"/plans/{plan['id']}:apply", Idempotency_Key="canary-apply-1")
        spec = {"image": "app:1", "secret_env": {"DB_PASSWORD": "file:db"}, "env": {"MODE": "x"}}
        put = await person.put("/resources/local/container/db-1/desired", {"spec": spec}, If_Match='"0"')
        assert put.status_code == 202, put.text
    await house.work()
    lures.house.world.run(
        "lure-1", "app:1", env={"SECRET_KEY": FOREIGN, "URL": f"postgres://u:{FOREIGN}@db/x"},
        labels={"password": FOREIGN, "note": f"token={FOREIGN}"}, command=["run", f"--password={FOREIGN}"],
    )  # fmt: skip
    for secret in (FILE, PLAIN, FOREIGN):
        for line in (
            secret, f"connecting with {secret}", secret[::-1], base64.b64encode(f"x{secret}y".encode()).decode(),
            json.dumps(json.dumps({"a": secret})), secret.encode().hex(), " ".join(secret),
        ):  # fmt: skip
            house.world.say("lure-1", line)
    for line in (f"GITHUB {TOKEN}", f"DB_PASSWORD={FOREIGN}", f'{{"client_secret": "{FOREIGN}"}}'):
        house.world.say("lure-1", line)
    await lures.discovered()


@pytest.mark.proves("J1")
@pytest.mark.parametrize("era", list(ERAS))
async def test_no_answer_to_an_ai_client_holds_a_canary(house: House, era: str) -> None:
    await poisoned(house)
    seen: list[str] = []
    async with open_house(house) as url, ai_client(url, house.tokens["planner"], era) as client:
        offered = {tool.name for tool in (await client.list_tools()).tools}
        plans = (await house.services.ledger.store.find(_all_plans())).items
        subjects = [
            "local/container/web-1",
            "local/container/shop-web-1",
            "local/container/db-1",
            "local/container/lure-1",
        ]
        more: list[tuple[str, dict[str, Any]]] = [("plan_show", {"id": plan.id}) for plan in plans]
        more += [(name, {"id": subject}) for name in ("twin_get",) for subject in subjects]
        for name, arguments in [*READS, *more]:
            for form in ("concise", "detailed") if name in offered else ():
                answer = await client.call_tool(name, {**arguments, "response_format": form})
                text = f"{answer.structured_content!r} {' '.join(part.text for part in answer.content)}"
                assert not traces(text), (name, arguments, form, traces(text))
                seen.append(text)
        for subject in subjects[-1:]:
            read = await client.read_resource(f"twin://{subject}")
            assert not traces(str(read)), subject
    assert "***" in " ".join(seen)


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What the hub logs while a test runs."""
    out = io.StringIO()
    configure_logs("INFO", "json", out)
    yield out
    structlog.reset_defaults()


@pytest.mark.proves("J1")
async def test_no_store_no_measurement_and_no_log_line_holds_a_canary(house: House, logged: io.StringIO) -> None:
    await poisoned(house)
    async with house.caller("planner") as agent:
        for path in ("/resources/local/container/lure-1/logs", "/resources/local/container/lure-1", "/events"):
            assert (await agent.get(path)).status_code == 200
        await agent.post("/plans", {"words": f"set TOKEN={FOREIGN} on web"}, Idempotency_Key="canary-plan-1")
        await agent.post("/plans", {"words": "deploy app:2 as spare"}, Idempotency_Key="canary-plan-2")
    for kind in (AuditRow, Event, Evidence):
        kept = str(await house.services.ledger.all(kind))
        assert not traces(kept), (kind, traces(kept))
    # A kept answer repeats what its caller wrote into a plan, as the plan itself does; it holds nobody else's secret.
    replies = traces(str(await house.services.ledger.all(Reply)))
    assert not set(replies) - {PLAIN, FOREIGN}
    transport = httpx2.ASGITransport(app=house.app)
    async with httpx2.AsyncClient(transport=transport, base_url=URL) as client:
        measured = await client.get("/metrics", headers={"Authorization": f"Bearer {house.tokens['owner']}"})
    assert measured.status_code == 200
    assert not traces(measured.text)
    assert "request" in logged.getvalue()
    assert not traces(logged.getvalue())


@pytest.mark.proves("J1")
async def test_a_secret_that_was_replaced_in_its_file_is_known_soon(house: House) -> None:
    await poisoned(house)
    veil = house.services.veil
    await veil.ready()
    assert FILE not in veil.over(f"it is {FILE}")
    Path(house.folder / "secrets" / "db").write_text("brand-new-value")
    house.clock.advance(61)
    await veil.ready()
    assert "brand-new-value" not in veil.over("it is brand-new-value")


@pytest.mark.proves("J1")
async def test_an_answer_that_was_given_before_is_masked_once_its_words_are_a_secret(house: House) -> None:
    await poisoned(house)
    services, model = house.services, Model(house)
    caller, raw = await model.caller(), {"id": "local/container/db-1"}
    answer = {"id": raw["id"], "summary": "it is brand-new-value", "sort": "other", "hint": ""}

    async def handed() -> str:
        data, text = await handed_out(services, caller, REGISTRY["twin_get"], raw, answer, Part(DETAILED))
        return f"{dict(data)} {text}"

    assert (await handed()).count("brand-new-value") == (await handed()).count("brand-new-value") == 2
    Path(house.folder / "secrets" / "db").write_text("brand-new-value")
    house.clock.advance(61)
    assert "brand-new-value" not in await handed()


class Turning:
    """A source whose first answer takes longer than the second one, and is of an older secret."""

    def __init__(self) -> None:
        self.asked, self.begun, self._second = 0, threading.Event(), threading.Event()

    def resolve(self, reference: str) -> str:
        self.asked += 1
        self.begun.set()
        if self.asked > 1:
            self._second.set()
            return "second-secret-value"
        self._second.wait(0.2)
        return "first-secret-value"


@pytest.mark.proves("J1")
async def test_of_two_that_learn_the_secrets_at_once_the_one_that_began_last_counts(house: House) -> None:
    await poisoned(house)
    services, source = house.services, Turning()
    veil = Veil(services.index, source, house.clock)
    first = asyncio.create_task(veil.ready())
    await asyncio.to_thread(source.begun.wait, 5)
    record = await services.ledger.need(Desired, "local/container/db-1")
    entry = AuditEntry(action="test.put", subject=record.id, actor=record.set_by)
    await services.ledger.commit([Put(record)], [entry])
    await asyncio.gather(first, veil.ready())
    assert source.asked == 2
    assert "second-secret-value" not in veil.over("it is second-secret-value")


async def test_many_who_ask_at_once_learn_the_secrets_together_and_not_one_after_the_other(house: House) -> None:
    await poisoned(house)
    source = Turning()
    veil = Veil(house.services.index, source, house.clock)
    await asyncio.gather(*(veil.ready() for _ in range(50)))
    assert source.asked <= 2


@pytest.mark.proves("J1")
async def test_who_waited_for_a_reading_that_was_given_up_reads_for_itself(house: House) -> None:
    await poisoned(house)
    source = Turning()
    veil = Veil(house.services.index, source, house.clock)
    first = asyncio.create_task(veil.ready())
    await asyncio.to_thread(source.begun.wait, 5)
    others = [asyncio.create_task(veil.ready()) for _ in range(3)]
    first.cancel()
    await asyncio.gather(first, *others, return_exceptions=True)
    assert "second-secret-value" not in veil.over("it is second-secret-value")


async def test_one_answer_is_remembered_for_each_way_to_ask_for_it(house: House) -> None:
    model = Model(house)
    caller, answer = await model.caller(), await model.whole("twin_get", id="target/local")
    ways = [
        ("twin_get", {"id": "target/local"}, part)
        for part in (WHOLE, Part(CONCISE), Part(DETAILED), Part(CONCISE, "id"), Part(CONCISE, "id,sort"))
    ]
    ways += [("twin_get", {"id": "local"}, Part(DETAILED)), ("plan_show", {"id": "local"}, Part(DETAILED))]

    async def handed(name: str, raw: dict[str, str], part: Part) -> str:
        data, text = await handed_out(house.services, caller, REGISTRY[name], raw, answer, part)
        return f"{dict(data)} {text}"

    first = [await handed(*way) for way in ways]
    assert len(set(first)) == len(ways)
    assert [await handed(*way) for way in ways] == first


@pytest.mark.proves("J1")
@pytest.mark.parametrize(("kind", "masked"), [(ActorKind.AGENT, False), (ActorKind.PERSON, True)])
async def test_what_an_agent_set_before_it_had_to_plan_names_no_secret(
    house: House, kind: ActorKind, masked: bool
) -> None:
    """An agent could find secrets out by naming them, and make words of others unreadable."""
    await poisoned(house)
    (house.folder / "secrets" / "other").write_text("some-other-value")
    record = await house.services.ledger.need(Desired, "local/container/db-1")
    spec: Spec = {"image": "app:1", "secret_env": {"A_PASSWORD": "file:other"}, "env": {"A_TOKEN": "container-seven"}}
    wish = replace(record, spec=spec, set_by=Actor(kind=kind, id="planner"), plan_id=None)
    entry = AuditEntry(action="test.put", subject=wish.id, actor=wish.set_by)
    await house.services.ledger.commit([Put(wish)], [entry])
    veil = house.services.veil
    await veil.ready()
    assert [veil.over(word) != word for word in ("some-other-value", "container-seven")] == [masked, masked]


def _all_plans() -> Any:
    from opstwin.domain.plan import Plan
    from opstwin.twin.store import Query

    return Query(Plan, limit=100)
