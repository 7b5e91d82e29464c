"""A whole hub with a provider: secrets go in through every door, and none of them is ever on the provider's wire."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from opstwin.agent.models.scripted_server import ScriptedServer, serving
from opstwin.domain.audit import AuditEntry
from opstwin.domain.deployment import Deployment
from opstwin.domain.event import Event
from opstwin.domain.plan import Plan
from opstwin.domain.values import TargetId
from opstwin.server.chat.port import Talk
from opstwin.server.chat.scripted import ScriptedTalk
from tests.interaction.chat_home import Home
from tests.interaction.curious_model import Curious, whole
from tests.interaction.house import HUB, House
from tests.interaction.test_injection import READS, Lures
from tests.respx2 import only_loopback

KEY = "k3y-of-the-provider-71"
CANARIES = {
    "file": 'c4n4ry+fi/Zq81&"x', "compose": "c4n4ry+co/Nf34&q", "pending": "c4n4ry-pending-Bd29",
    "option": "c4n4ry-option-Lw62", "label": "c4n4ry-label-Xr05", "health": "c4n4ry-health-Jt90",
    "foreign": "c4n4ry-foreign-Pv63", "token": "ghp_c4n4ryTokenLt54c4n4ry", "event": "c4n4ry-event-Gh48",
    "words": "c4n4ry-words-Ws11", "said": "c4n4ry-said-Ys22", "korean": "c4n4ry-korean-Ds33",
    "policy": "c4n4ry-policy-Qe44", "prose": "c4n4ry-prose-Az55", "key": KEY,
}  # fmt: skip
"""One for each door, so that a leak says which one is open."""

COMPOSE = """
# the password is {option}
name: shop
services:
  web:
    image: app:1
    environment: {{API_TOKEN: '{compose}', COLOUR: marker-compose}}
    command: [run, --password, {option}, "--token={option}", marker-command]
    labels: {{db.password: {label}, note: marker-label}}
    healthcheck: {{test: [CMD, check, --token, {health}, marker-health]}}
""".format(**CANARIES)
PENDING = f"name: later\nservices:\n  job:\n    image: app:2\n    environment: {{JOB_TOKEN: '{CANARIES['pending']}'}}\n"
POLICY = f"""
- marker-policy: images come from registry.corp.example.
- REGISTRY_PASSWORD={CANARIES["policy"]}
- The password of the registry is {CANARIES["prose"]}.
"""
WORDS = f"deploy app:1 as mail with 2 replicas env SMTP_PASSWORD={CANARIES['words']}"
TALK = (
    f"marker-words: my database password is {CANARIES['said']}, what runs?",
    f"비밀번호는 {CANARIES['korean']}입니다. marker-korean 상태가 어때요?",
    WORDS,
    "diagnose everything", "what happened last time on web?", "tell me all about the logs",
)  # fmt: skip
MARKERS = (
    "marker-compose", "marker-command", "marker-label", "marker-health", "marker-log", "marker-words", "marker-korean",
    "marker-policy", "JOB_TOKEN", "API_TOKEN", "SECRET_KEY", "DB_PASSWORD", "web", "dep_", "***",
)  # fmt: skip
"""What stands beside the canaries: without it on the wire nobody would have looked behind that door."""


def forms(secret: str) -> list[str]:
    """A secret as it is, and as it is usually written elsewhere."""
    data = secret.encode()
    encoded = [base64.b64encode(b"\x00" * shift + data).decode()[(0, 2, 3)[shift] : -4] for shift in range(3)]
    urlsafe = [form.translate(str.maketrans("+/", "-_")) for form in encoded]
    written = [json.dumps(secret)[1:-1], json.dumps(json.dumps(secret))[3:-3], quote(secret, safe="")]
    return [secret, secret[::-1], data.hex(), " ".join(secret), *encoded, *urlsafe, *written]


def written(secret: str) -> list[str]:
    """A secret as a careless program writes it into its log."""
    data = secret.encode()
    encoded = [base64.b64encode(b"\x00" * shift + data + b"\x00" * shift) for shift in range(3)]
    urlsafe = [base64.urlsafe_b64encode(data), base64.urlsafe_b64encode(b"u:" + data)]
    return [*forms(secret)[:4], *forms(secret)[-3:], *(item.decode() for item in (*encoded, *urlsafe))]


def leaks(text: str) -> set[str]:
    """Which canaries stand in a text, in whatever form."""
    low = text.lower()
    return {name for name, secret in CANARIES.items() if any(form.lower() in low for form in forms(secret))}


@dataclass
class Wired:
    """A house whose hub has a provider, and what that was sent."""

    house: House
    server: ScriptedServer
    home: Home = field(init=False)

    def __post_init__(self) -> None:
        self.home = Home(self.house, ScriptedTalk())

    @property
    def sent(self) -> str:
        """Everything that ever went to the provider."""
        return "\n".join(map(whole, self.server.requests))


@asynccontextmanager
async def wired(folder: Path, kind: str, model: Curious) -> AsyncIterator[Wired]:
    """A furnished house with a provider of this kind on a port of this machine."""
    server, houses = ScriptedServer(otherwise=model), list[House]()

    async def talks() -> Talk:
        return await houses[0].hub.talks()

    async with AsyncExitStack() as closing:
        closing.enter_context(only_loopback())
        url = await closing.enter_async_context(serving(server))
        base = url if kind == "anthropic" else f"{url}/v1"
        (folder / "secrets").mkdir()
        (folder / "secrets" / "provider").write_text(KEY)
        (folder / "secrets" / "db").write_text(CANARIES["file"] + "\n")
        (folder / "policy.md").write_text(POLICY)
        provider = {"kind": kind, "model": "m-1", "base_url": base, "credential": "file:provider"}
        settings = {"models": {"from_environment": False, "providers": {"p": provider}}}
        house = House(folder, settings=settings, talks=talks)
        houses.append(await house.furnish())
        assert house.hub.model is not None
        closing.push_async_callback(house.hub.model.close)
        closing.push_async_callback(house.hub.talks.close)
        yield Wired(house, server)


async def planted(house: House) -> None:
    """A canary behind every door, and a marker beside it."""
    lures = Lures(house)
    async with house.caller() as person:
        plan = (await person.post("/plans", {"file": COMPOSE})).json()
        decision = {"decision": "approve", "digest": plan["digest"]}
        assert (await person.post(f"/plans/{plan['id']}:decide", decision)).status_code == 200, plan
        await person.post(f"/plans/{plan['id']}:apply")
        spec = {"image": "app:1", "secret_env": {"DB_PASSWORD": "file:db"}, "env": {"MODE": "x"}}
        put = await person.put("/resources/local/container/db-1/desired", {"spec": spec}, If_Match='"0"')
        assert put.status_code == 202, put.text
        assert (await person.post("/plans", {"file": PENDING})).status_code == 201
    await house.work()
    foreign, token = CANARIES["foreign"], CANARIES["token"]
    house.world.run(
        "lure-1", "app:1", env={"SECRET_KEY": foreign, "URL": f"postgres://u:{foreign}@db/x"},
        labels={"password": foreign, "note": f"token={foreign}"}, command=["run", f"--password={foreign}"],
    )  # fmt: skip
    known = [form for name in ("file", "compose") for form in written(CANARIES[name])]
    typed = (f"GITHUB {token}", f"DB_PASSWORD={foreign}", f'{{"client_secret": "{foreign}"}}', f"Bearer {foreign}")
    for line in (*(f"marker-log connecting with {form}" for form in known), *typed):
        house.world.say("lure-1", line)
    happened = Event(
        at=house.clock.now(), type="container.note", target=TargetId("local"),
        message=f"marker-event password={CANARIES['event']}", details={"api_token": CANARIES["event"]},
    )  # fmt: skip
    await house.services.ledger.commit([], [AuditEntry(action="t", subject="t", actor=HUB)], [happened])
    await lures.discovered()


async def reads_of(house: House) -> list[tuple[str, dict[str, Any]]]:
    """Everything that the tools can show, the plans and deployments by their ids too."""
    ledger = house.services.ledger
    names = ("web-1", "db-1", "lure-1")
    return [
        *READS,
        *[("plan_show", {"id": plan.id}) for plan in await ledger.all(Plan)],
        *[("history_search", {"workload": past.service_name}) for past in await ledger.all(Deployment)],
        *[("twin_get", {"id": f"local/container/{name}"}) for name in names],
        *[("diagnose", {"subject": f"local/container/{name}"}) for name in names],
    ]


async def drafted(wired: Wired) -> None:
    """Drafts of what runs, of a file's content, and of words."""
    said = f"generate app:1 as api, its api key is {CANARIES['said']}"
    async with wired.house.caller() as person:
        for asked in ({"source": "web-1"}, {"source": "lure-1"}, {"source": "db-1"}, {"file": COMPOSE},
                      {"file": PENDING}, {"words": WORDS}, {"words": said}):  # fmt: skip
            answered = await person.post("/manifests:generate", asked)
            assert answered.status_code in (200, 422), answered.text
            assert not leaks(answered.text) - {"words"}, (asked, leaks(answered.text))


@pytest.mark.parametrize("kind", ["openai", "anthropic", "compatible"])
@pytest.mark.req("S5.G4")
@pytest.mark.proves("H4", "J1", "J2", "J5")
async def test_no_planted_secret_is_on_the_wire_of_a_provider_in_any_form(tmp_path: Path, kind: str) -> None:
    model = Curious([])
    async with wired(tmp_path, kind, model) as home:
        await planted(home.house)
        model.reads = await reads_of(home.house)
        await drafted(home)
        at = len(home.server.requests)
        assert at >= 3
        for words in TALK:
            await home.home.heard({"text": words, "threadId": "t1"})
        assert len(home.server.requests) > at + 5
        assert not [got.path for got in home.server.requests if leaks(whole(got))], leaks(home.sent)
        assert [marker for marker in MARKERS if marker not in home.sent] == []
        assert len(model.asked) >= 20
