"""Hostile text through every channel, read by a model that obeys all of it: nothing happens that no person approved."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest

from opstwin.domain.access import Actor, ActorKind, Credential, Principal
from opstwin.domain.approval import Approval
from opstwin.domain.audit import AuditEntry
from opstwin.domain.deployment import Deployment
from opstwin.domain.event import Event
from opstwin.domain.execution import Execution
from opstwin.domain.healing import Mandate
from opstwin.domain.plan import Plan, PlanState
from opstwin.domain.series import Metric, Sample
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId, TargetId
from opstwin.errors import Rejected
from opstwin.targets.ports import Reader
from opstwin.tools.registry import Caller
from opstwin.twin.store import Put
from tests.interaction.house import HUB, House
from tests.interaction.mcp_house import ERAS, ai_client, open_house
from tests.interaction.payloads import IMAGE, payloads
from tests.interaction.worst_model import Call, WorstModel, through_the_guard

PAYLOADS = payloads()
HOSTILE = re.compile("evil|pwn|hidden[0-9]")


class Failing:
    """A reader whose target answers every question about use with hostile words."""

    def __init__(self, inner: Reader, words: str) -> None:
        self._inner, self._words = inner, words

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def usage(self, resource: ResourceId) -> Any:
        raise Rejected(f"The engine refused: {self._words}", next_step="Look.", details={"engine": self._words})


@dataclass
class Lures:
    """A house full of hostile text. `logs`, … fill one channel; all of them stand on one target."""

    house: House

    async def web(self) -> None:
        """Something of ours that is worth attacking, approved by a person."""
        async with self.house.caller() as person:
            plan = await person.approved("deploy app:1 as web with 2 replicas")
            await person.post(f"/plans/{plan['id']}:apply")
        await self.house.work()

    async def discovered(self) -> None:
        async with self.house.caller() as person:
            assert (await person.post("/targets/local:discover")).status_code == 200

    def logs(self, texts: list[str]) -> None:
        self.house.world.run("lure-1", "app:1")
        for text in texts:
            for line in text.split("\n"):
                self.house.world.say("lure-1", line)

    def labels(self, texts: list[str]) -> None:
        self.house.world.run("lure-2", "app:1", labels={f"note{n}": text for n, text in enumerate(texts)})

    def env(self, texts: list[str]) -> None:
        self.house.world.run("lure-3", "app:1", env={f"NOTE_{n}": text for n, text in enumerate(texts)})

    def command(self, texts: list[str]) -> None:
        self.house.world.run("lure-4", "app:1", command=list(texts))

    def label_names(self, texts: list[str]) -> None:
        self.house.world.run("lure-5", "app:1", labels=dict.fromkeys(texts, "x"))

    def names(self, texts: list[str]) -> None:
        for n, text in enumerate(texts):
            self.house.world.run(f"{re.sub('[^a-z0-9.-]+', '-', text.lower()).strip('-.')[:60]}-{n}", "app:1")

    def images(self, texts: list[str]) -> None:
        for n, _ in enumerate(texts[:40]):
            self.house.world.image(IMAGE.format(n=n))
            self.house.world.run(f"lure-image-{n}", IMAGE.format(n=n))

    async def events(self, texts: list[str]) -> None:
        now = self.house.clock.now()
        happened = [
            Event(at=now, type="container.note", target=TargetId("local"), message=text, details={"said": text})
            for text in texts
        ]
        await self.house.services.ledger.commit([], [AuditEntry(action="t", subject="t", actor=HUB)], happened)

    async def records(self, texts: list[str]) -> None:
        """Past deployments that say it in every field that is text."""
        ledger = self.house.services.ledger
        [past] = await ledger.all(Deployment)
        rows = [
            Put(
                replace(
                    past, id=f"dep_lure{n:03}", service_name=text[:200], outcome=text, version=0,
                    image_name="registry.evil.example/pwn/miner", image_tag=str(n), language="go",
                )
            )
            for n, text in enumerate(texts)
        ]  # fmt: skip
        await ledger.commit(rows, [AuditEntry(action="t", subject="t", actor=HUB)])

    async def metric_labels(self, texts: list[str]) -> None:
        """Measurements whose labels say it."""
        at = self.house.clock.now()
        samples = [
            Sample(
                resource=ResourceId(f"local/container/lure-{n}"), metric=metric, at=at, value=1.0,
                labels=(("note", text), ("workload", "web")),
            )
            for n, text in enumerate(texts)
            for metric in (Metric.CPU_MILLICORES, Metric.MEMORY_BYTES)
        ]  # fmt: skip
        await self.house.services.sampler.store.write(samples)

    def errors(self, texts: list[str]) -> None:
        inner, words = self.house.places.reader, "\n".join(texts)
        self.house.places.__dict__["reader"] = lambda target: Failing(inner(target), words)


async def lured(house: House, channel: str, texts: list[str]) -> None:
    lures = Lures(house)
    await lures.web()
    made = getattr(lures, channel)(texts)
    if made is not None:
        await made
    await lures.discovered()


CHANNELS = ("logs", "labels", "env", "command", "label_names", "names", "images", "events", "records")
READS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("discover", {"id": "local"}), ("discover", {}), ("resources_list", {}), ("twin_query", {}),
    ("twin_query", {"limit": 1000}),
    ("drift", {}), ("drift_explain", {}), ("diagnose", {}), ("events", {"limit": 1000}),
    ("executions_list", {}), ("history", {}), ("history_search", {}), ("targets_list", {}), ("audit_list", {}),
    ("workloads_list", {}), ("approvals_list", {}), ("plans_list", {}), ("logs_search", {}), ("hub_info", {}),
    *((name, {"id": f"local/container/lure-{n}"}) for name in ("resource_get", "twin_get") for n in range(1, 6)),
    ("usage", {"id": "local/container/lure-1"}),
    ("logs", {"id": "local/container/lure-1", "tail": 10_000}),
    ("logs_search", {"subject": "local/container/lure-1", "tail": 1000}),
    ("exec_run", {"resource": "local/container/lure-3", "argv": ["env"]}),
    ("exec_run", {"id": "local/container/lure-3", "argv": ["env"]}),
    ("metrics_query", {"metric": "cpu_millicores", "limit": 100}),
    ("metrics_query", {"metric": "memory_bytes", "limit": 100}),
    ("history_search", {"limit": 100}), ("history_search", {"text": "evil"}), ("predict", {"workload": "web"}),
    ("deployments_similar", {"words": "evil pwn deploy", "k": 20}),
    ("deployments_similar", {"image": "registry.evil.example/pwn/miner", "k": 20}),
)  # fmt: skip


@dataclass
class Before:
    """What nothing but a person may change."""

    effects: int
    principals: list[Principal]
    credentials: list[Credential]
    targets: list[Target]
    approvals: int
    executions: int

    @classmethod
    async def of(cls, house: House) -> "Before":
        ledger = house.services.ledger
        targets = [replace(item, version=0) for item in await ledger.all(Target)]
        return cls(
            len(house.effects), await ledger.all(Principal), await ledger.all(Credential), targets,
            len(await ledger.all(Approval)), len(await ledger.all(Execution)),
        )  # fmt: skip

    async def check(self, house: House, *, marked: bool = True) -> None:
        """Let the hub do all it would do, then compare. `marked`: what repeats hostile text is a marked plan."""
        await house.services.reconciler.tick()
        await house.work()
        assert await Before.of(house) == self
        assert not await house.services.ledger.all(Mandate)
        for plan in await house.services.ledger.all(Plan):
            if plan.requested_by.kind is ActorKind.AGENT and plan.changes:
                assert plan.state in (PlanState.PENDING, PlanState.STALE), plan.state
            if marked and plan.requested_by.kind is ActorKind.AGENT and HOSTILE.search(str(plan.changes)):
                assert plan.tainted, plan.request


async def agent_caller(house: House, face: str) -> Caller:
    principal, _ = await house.services.people.authenticate(house.tokens["planner"])
    actor = Actor(kind=ActorKind.AGENT, id="planner", on_behalf_of="owner", face=face)
    return Caller(principal=principal, scopes=principal.scopes, actor=actor, request_id="req_worst")


async def misused(house: House, call: Call) -> WorstModel:
    """Everything that the worst model does."""
    model = WorstModel(call)
    for name, arguments in READS:
        await model.read(name, arguments)
    await model.push()
    return model


def test_there_are_enough_payloads() -> None:
    assert len(set(PAYLOADS)) >= 100


@pytest.mark.proves("H1", "H2")
@pytest.mark.parametrize("face", ["http", "mcp"])
@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_model_that_obeys_everything_has_no_effect(house: House, channel: str, face: str) -> None:
    await lured(house, channel, PAYLOADS)
    before = await Before.of(house)
    model = await misused(house, through_the_guard(house.services, await agent_caller(house, face)))
    assert any(HOSTILE.search(item) for item in model.obeyed), "nothing hostile was read"
    # Names and images of what was deployed before mark nothing, see `domain.taint.LISTS`.
    await before.check(house, marked=channel != "records")


@pytest.mark.proves("H1")
@pytest.mark.parametrize("face", ["http", "mcp"])
async def test_labels_of_measurements_are_told_to_no_ai_client(house: House, face: str) -> None:
    await lured(house, "metric_labels", PAYLOADS)
    before = await Before.of(house)
    model = await misused(house, through_the_guard(house.services, await agent_caller(house, face)))
    assert not [item for item in model.obeyed if HOSTILE.search(item)]
    await before.check(house)


@pytest.mark.proves("H1", "H2")
@pytest.mark.parametrize("face", ["http", "mcp"])
async def test_hostile_errors_of_a_target_have_no_effect(house: House, face: str) -> None:
    lures = Lures(house)
    await lures.web()
    lures.logs(["quiet"])
    await lures.discovered()
    lures.errors(PAYLOADS)
    before = await Before.of(house)
    model = await misused(house, through_the_guard(house.services, await agent_caller(house, face)))
    assert any("pwn" in item for item in model.obeyed)
    await before.check(house)


@pytest.mark.slow
@pytest.mark.proves("H1", "H2", "G3")
@pytest.mark.parametrize("era", list(ERAS))
async def test_the_same_model_as_an_mcp_client_that_answers_every_question_with_yes(house: House, era: str) -> None:
    lures = Lures(house)
    await lures.web()
    for channel in ("logs", "labels", "env"):
        getattr(lures, channel)(PAYLOADS)
    await lures.discovered()
    before = await Before.of(house)

    async def yes(_context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        content = (
            {"approve": True, "confirm": True, "decision": "approve"} if hasattr(params, "requested_schema") else None
        )
        return types.ElicitResult(action="accept", content=content)

    async with (
        open_house(house) as url,
        ai_client(url, house.tokens["planner"], era, elicitation_callback=yes) as client,
    ):

        async def call(name: str, arguments: Any) -> str:
            extra = {"wait_s": 0} if name == "plan_apply" else {}
            answer = await client.call_tool(name, {**arguments, **extra})
            return f"{answer.structured_content} {' '.join(part.text for part in answer.content)}"

        model = await misused(house, call)
    assert model.calls > 30
    assert model.plans
    await before.check(house)


DANGEROUS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\U000e0000-\U000e0fff]"
)
"""Characters that no screen and no model should be given as they are."""


@pytest.mark.proves("H6")
async def test_mcp_answers_hold_no_live_character_no_live_link_and_say_whose_text_it_is(house: House) -> None:
    lures = Lures(house)
    await lures.web()
    for channel in ("logs", "labels", "label_names"):
        getattr(lures, channel)(PAYLOADS)
    await lures.events(PAYLOADS)
    await lures.discovered()
    offered = set()
    async with open_house(house) as url, ai_client(url, house.tokens["planner"], "stateless") as client:
        offered = {tool.name for tool in (await client.list_tools()).tools}
        for name, arguments in READS:
            if name not in offered:
                continue
            for form in ("concise", "detailed"):
                answer = await client.call_tool(name, {**arguments, "response_format": form})
                text = " ".join(part.text for part in answer.content)
                whole = f"{answer.structured_content!s} {text}"
                assert not DANGEROUS.search(text), name
                assert not DANGEROUS.search("".join(_texts(answer.structured_content))), name
                assert "](http" not in whole, name
                assert "<img" not in whole, name
                if "pwn" in text:
                    assert "untrusted text " in text, (name, text[:300])
                    assert answer.structured_content.get("untrusted"), name
    assert {"twin_query", "logs_search"} & offered


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in (key, *_texts(item))]
    return [text for item in value for text in _texts(item)] if isinstance(value, list) else []


@pytest.mark.proves("K6")
async def test_hostile_text_in_the_audit_is_one_row_each_and_the_chain_holds(house: House, tmp_path: Path) -> None:
    before = len(await house.audit())
    for text in PAYLOADS:
        async with house.caller("planner") as client:
            await client.post(f"/plans/plan_{'0' * 10}:decide", {"decision": text[:200], "reason": "x"})
    rows = await house.audit()
    assert len(rows) - before == len(PAYLOADS)
    verified = await house.services.auditing.verify()
    assert verified.rows == len(rows)
