"""What the tests of drafting draft: briefs of every kind, past deployments, and a model that says what it is told."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from opstwin.agent.drafting.briefs import DraftBrief
from opstwin.agent.models.port import ModelReply, ModelRequest, Stop
from opstwin.agent.models.scripted import Answering as Scripted
from opstwin.agent.models.scripted import ScriptedModel, Turn
from opstwin.domain.deployment import Usage
from opstwin.domain.example import Example
from opstwin.domain.workload import HealthCheck, Mount, Port, Resources, Workload
from opstwin.errors import ModelError
from opstwin.manifests.generating.amounts import MI
from opstwin.manifests.generating.info import ContainerInfo
from opstwin.manifests.generating.options import GenerateOptions
from opstwin.manifests.served import served_by

CANARY = "hunter2-canary-7c41f0"
POLICY = "- Every container has a memory limit.\n- Nothing runs privileged."
USAGE = Usage(
    samples=5000, cpu_mean=40.0, cpu_p50=35.0, cpu_p95=120.0, cpu_max=400.0, memory_mean=90.0 * MI,
    memory_p50=88.0 * MI, memory_p95=140.0 * MI, memory_max=180.0 * MI,
)  # fmt: skip
HELD = Example(
    id="dep_1", score=0.9, service="shop", image="acme/api", purpose="api", language="python", outcome="succeeded",
    success=True, cpu_request=120, memory_request=160 * MI, memory_limit=256 * MI, usage=USAGE,
    manifest_summary="2 × acme/api:2.0, requests 120m CPU, requests 160 MiB, at most 256 MiB, ports 8080, health check "
    "GET :8080/healthz.",
)  # fmt: skip
STARVED = Example(
    id="dep_2", score=0.7, service="orders", image="acme/api", outcome="succeeded", success=True, oom_events=2,
    memory_limit=128 * MI,
)  # fmt: skip
BROKEN = Example(id="dep_3", score=0.5, service="mail", image="acme/mail", outcome="rolled_back", success=False)
API = Workload(name="api", image="acme/api:2.1", ports=(Port(container=8080),), env={"LOG_LEVEL": "info"})


def brief_of(base: Workload = API, **more: Any) -> DraftBrief:
    """A brief for Kubernetes 1.29."""
    given: dict[str, Any] = {
        "words": f"deploy {base.image} as {base.name}", "target": "kubernetes 1.29", "served": served_by((1, 29)),
        "policy": POLICY, "examples": (HELD, STARVED, BROKEN),
    }  # fmt: skip
    return DraftBrief(base=base, **(given | more))


def on_docker(base: Workload = API, **more: Any) -> DraftBrief:
    """A brief for a container engine."""
    return brief_of(base, **({"target": "docker", "served": None} | more))


def hostile() -> DraftBrief:
    """As long and as full of what hides as it can be."""
    noise = "\u202e`![x](y)\x1b[31m{{role}}" * 40
    base = replace(
        API, env={f"VARIABLE_{n}": noise for n in range(60)},
        labels={f"label-{n}": "![x](y)<!-- " * 60 for n in range(60)},
        command=("run", *[noise[:200]] * 50),
    )  # fmt: skip
    examples = tuple(replace(HELD, id=f"dep_{n}", manifest_summary=noise * 4, service=noise) for n in range(9))
    lines = "deploy it\n" * 180
    return brief_of(base, words=lines, requirements=noise, examples=examples, policy="x" * 7900, current=API)


def briefs() -> dict[str, DraftBrief]:
    """Every fixture by name."""
    db = Workload(
        name="db", image="postgres:16", ports=(Port(container=5432),), volumes=(Mount(path="/data", volume="data"),),
        secret_env={"POSTGRES_PASSWORD": "env:DB_PASSWORD"},
    )  # fmt: skip
    said = replace(
        API, resources=Resources(cpu_millicores=500, memory_bytes=512 * MI), replicas=3,
        health=HealthCheck(command=("curl", "-f", "http://127.0.0.1:8080/")),
    )  # fmt: skip
    seen = ContainerInfo(
        name="api", image="acme/api:2.1", ports=(8080,), cpu_usage="40m", memory_usage="90Mi", user="1000",
        env_vars={"API_KEY": CANARY},
    )  # fmt: skip
    return {
        "plain": brief_of(),
        "database": brief_of(db),
        "said": brief_of(said),
        "engine": on_docker(),
        "measured": brief_of(info=seen, options=GenerateOptions(usage=USAGE)),
        "change": brief_of(replace(API, image="acme/api:2.2"), current=API),
        "korean": brief_of(words="acme/api:2.1을 api로 배포해 줘", language="ko"),
        "no examples": brief_of(examples=()),
        "no policy": brief_of(policy=""),
        "hostile": hostile(),
    }


def answer(**more: Any) -> dict[str, Any]:
    """An answer that holds for `api`."""
    return {
        "workload": "api", "memory": "256Mi", "cpu": None, "replicas": 2, "probe": {"path": "/healthz", "port": 8080},
        "autoscale": None, "reasoning": "As dep_1, which held with 256Mi.", "examples": ["dep_1"],
    } | more  # fmt: skip


Reply = ModelReply | Mapping[str, Any] | str | ModelError


class Answering(ScriptedModel):
    """A scripted model whose answers may be given as data, and its failures as the errors that they are."""

    def __init__(self, replies: Sequence[Reply]) -> None:
        super().__init__([_turn(reply) for reply in replies])

    @property
    def asked(self) -> list[ModelRequest]:
        return self.requests


def _turn(reply: Reply) -> Turn | Scripted:
    if isinstance(reply, ModelError):
        return partial(_failing, reply)
    return reply if isinstance(reply, str | ModelReply) else json.dumps(reply)


def _failing(error: ModelError, _request: ModelRequest) -> Turn:
    raise error


def everything_in(request: ModelRequest) -> str:
    """All that would go to the provider."""
    return "\n".join((request.system, request.examples, *(item.text for item in request.messages)))


def down(reason: str = "down") -> ModelError:
    """What the gateway raises."""
    return ModelError("The model does not answer.", next_step="Try again later.", details={"reason": reason})


CUT = ModelReply(text='{"workload": "ap', stop=Stop.LENGTH)
