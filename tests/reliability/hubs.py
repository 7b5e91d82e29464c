"""Real hub processes for tests of what goes wrong around them, spoken to over HTTP."""

import contextlib
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2

from tests.e2e.cli.conftest import Shell

T = TypeVar("T")
API = "/api/v1"
WITHIN_S = 40.0
ANEW = 3
ENDED = ("succeeded", "rolled_back", "needs_human")


def until(holds: Callable[[], T], within_s: float = WITHIN_S, why: Callable[[], object] = str) -> T:
    """What `holds()` returns as soon as it is true; other processes work meanwhile."""
    end = time.monotonic() + within_s
    while not (found := holds()):
        assert time.monotonic() < end, f"it did not happen within {within_s} s {why()}"
        time.sleep(0.04)
    return found


@dataclass(frozen=True)
class Answer:
    """A status and the JSON that came with it."""

    status: int
    body: dict[str, Any]

    @property
    def cause(self) -> object:
        """What the store says is wrong."""
        return self.body.get("details", {}).get("cause")


@dataclass
class Hub(Shell):
    """A hub process; its command line is inherited."""

    client: httpx2.Client = field(default_factory=lambda: httpx2.Client(timeout=30))

    def close(self) -> None:
        """Stop the hub and let go."""
        self.down()
        self.client.close()

    @property
    def pid(self) -> int:
        """The hub's process."""
        assert self.process is not None
        return self.process.pid

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None, **headers: str) -> Answer:
        """One call, whatever comes of it."""
        sent = {"Authorization": f"Bearer {self.token}"} | {k.replace("_", "-"): v for k, v in headers.items()}
        answer = self.client.request(method, self.url + path, json=body, headers=sent)
        return Answer(answer.status_code, answer.json())

    def get(self, path: str) -> dict[str, Any]:
        """What a read gives."""
        answer = self.ask("GET", API + path)
        assert answer.status == 200, answer
        return answer.body

    def post(self, path: str, body: dict[str, Any] | None = None, **headers: str) -> Answer:
        """A change that may be refused."""
        return self.ask("POST", API + path, body or {}, **headers)

    def ready(self) -> Answer:
        """Whether it can do its work."""
        return self.ask("GET", "/ready")

    def add(self, endpoint: str, backend: str = "sim", target: str = "local", **settings: str) -> None:
        """One more target, discovered."""
        fields = {"id": target, "display_name": target, "backend_type": backend, "agent_endpoint": endpoint}
        added = self.post("/targets", {**fields, "is_default": target == "local", "settings": settings})
        assert added.status == 201, added
        assert self.post(f"/targets/{target}:discover").status == 200

    def planned(self, words: str, target: str = "local") -> dict[str, Any]:
        """A plan from words."""
        made = self.post("/plans", {"words": words, "target": target})
        assert made.status == 201, made
        return made.body

    def decide(self, plan: dict[str, Any], decision: str = "approve", reason: str = "looks right") -> Answer:
        """A decision on what was shown."""
        return self.post(
            f"/plans/{plan['id']}:decide", {"decision": decision, "reason": reason, "digest": plan["digest"]}
        )

    def approved(self, words: str) -> dict[str, Any]:
        """A plan from words, approved."""
        plan = self.planned(words)
        decided = self.decide(plan)
        assert decided.status == 200, decided
        return plan

    def apply(self, plan: dict[str, Any], **headers: str) -> Answer:
        """Ask for a plan to be applied."""
        return self.post(f"/plans/{plan['id']}:apply", **headers)

    def started(self, words: str) -> str:
        """The execution of an approved plan, planned anew when the world moved meanwhile, as the hub says to do."""
        answer = self.apply(self.approved(words))
        for _ in range(ANEW):
            if answer.body.get("code") == "stale_plan":
                answer = self.apply(self.approved(words))
        assert answer.status == 202, answer
        return str(answer.body["id"])

    def execution(self, id: str) -> dict[str, Any]:
        """An execution as it stands."""
        return self.get(f"/executions/{id}")

    def ended(self, id: str, within_s: float = WITHIN_S) -> dict[str, Any]:
        """An execution once it has ended."""
        until(lambda: self.execution(id)["state"] in ENDED, within_s, lambda: self.standing(id))
        return self.execution(id)

    def standing(self, id: str) -> str:
        """Where an execution stands, in short."""
        found = self.execution(id)
        return f"{found['state']}, {[step['state'] for step in found['steps']]}, {found['error']}"

    def change(self, words: str, end: str = "succeeded") -> dict[str, Any]:
        """Plan, approve, apply, and wait for the end."""
        ended = self.ended(self.started(words))
        assert ended["state"] == end, ended["error"]
        return ended

    def steps_done(self, id: str) -> int:
        """How many steps of an execution are done."""
        return sum(step["state"] == "done" for step in self.execution(id)["steps"])

    def events(self, *types: str) -> list[dict[str, Any]]:
        """The events of these types, oldest first."""
        found = self.get("/events?limit=1000")["items"]
        return sorted((item for item in found if item["type"] in types), key=lambda item: item["seq"])

    def effect_keys(self) -> list[str]:
        """The key of each effect that the world has seen."""
        return [effect.key for effect in self.world.effects]

    def log_lines(self) -> list[dict[str, Any]]:
        """What the hub logged, without its greeting, and without the line that a kill tore."""
        text = (self.folder / "hub.log").read_text()
        found = []
        for line in re.split(r"\n|(?=\{\")", text):
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return [line for line in found if isinstance(line, dict)]

    def at_once(self, *commands: list[str]) -> "list[subprocess.CompletedProcess[str]]":
        """Several command lines at the same time."""
        begun = [
            subprocess.Popen(
                [sys.executable, "-m", "opstwin.cli", *words], cwd=self.folder, env=self.environment, text=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )
            for words in commands
        ]  # fmt: skip
        said = [item.communicate(timeout=60) for item in begun]
        return [
            subprocess.CompletedProcess(item.args, item.returncode, out, err)
            for item, (out, err) in zip(begun, said, strict=True)
        ]

    def raw(self, request: bytes) -> socket.socket:
        """A connection on which these bytes were sent, and nothing was read."""
        place = urlsplit(self.url)
        peer = socket.create_connection((str(place.hostname), int(place.port or 0)), 5)
        peer.sendall(request)
        return peer


@contextmanager
def running(folder: Path, *, sim: bool = True, **settings: str) -> Iterator[Hub]:
    """A hub with these settings, and the simulated target `local` where wanted."""
    with closing(Hub(folder, more={f"OPSTWIN_{key.upper()}": value for key, value in settings.items()})) as hub:
        hub.up()
        if sim:
            hub.add(f"sim://{folder / 'world.json'}")
        yield hub


def in_the_middle(hub: Hub) -> str:
    """An execution of four steps, one after the other, of which the first is done."""
    hub.change("deploy nginx:1.27 as web with 4 replicas")
    id = hub.started("upgrade web to nginx:1.28")
    until(lambda: hub.steps_done(id) == 1)
    return id


def waits(hub: Hub, id: str) -> bool:
    """Whether the hub said that it put this execution off."""
    return any(line.get("event") == "execution_waits" and line["execution_id"] == id for line in hub.log_lines())


def unready(hub: Hub) -> Answer | None:
    """The answer of a hub that says it is not ready."""
    answer = hub.ready()
    return answer if answer.status == 503 else None
