"""What a model may fill in, and what it may not even be asked for."""

from dataclasses import replace
from typing import Any

import pytest

from opstwin.agent.drafting.briefs import DraftBrief
from opstwin.agent.drafting.composing import requirements_text
from opstwin.agent.drafting.proposing import FIELDS, open_fields
from opstwin.domain.secret_text import without_secrets
from opstwin.domain.workload import Autoscale, Mount, Port, RestartPolicy, Workload
from opstwin.manifests.generating.options import GenerateOptions, RunAs
from tests.unit.agent.drafting.briefs import API, brief_of, briefs, on_docker

ONCE = replace(API, restart=RestartPolicy.NEVER)
DATA = replace(API, volumes=(Mount(path="/data", volume="data"),))
OUTSIDE = replace(API, ports=(Port(container=8080, host=80),))


@pytest.mark.parametrize(
    ("brief", "open_"),
    [
        (brief_of(), FIELDS),
        (on_docker(), ("memory", "cpu", "replicas")),
        (on_docker(OUTSIDE), ("memory", "cpu")),
        (brief_of(OUTSIDE), FIELDS),
        (brief_of(DATA), ("memory", "cpu", "probe")),
        (briefs()["database"], ("memory", "cpu")),
        (briefs()["said"], ()),
        (briefs()["change"], ("memory", "cpu", "probe")),
        (brief_of(replace(API, ports=())), ("memory", "cpu", "replicas", "autoscale")),
        (brief_of(replace(API, ports=(Port(container=53, protocol="udp"),))),
         ("memory", "cpu", "replicas", "autoscale")),
        (brief_of(replace(API, autoscale=Autoscale())), ("memory", "cpu", "probe")),
        (brief_of(options=GenerateOptions(autoscale=Autoscale())), ("memory", "cpu", "probe")),
        (brief_of(ONCE), ("memory", "cpu")),
        (brief_of(options=GenerateOptions(run_as=RunAs.JOB)), ("memory", "cpu")),
        (brief_of(options=GenerateOptions(schedule="@daily")), ("memory", "cpu")),
        (brief_of(said=frozenset({"memory", "probe"})), ("cpu", "replicas", "autoscale")),
    ],
)  # fmt: skip
def test_open_is_what_nobody_said_and_what_can_be_added_without_harm(brief: DraftBrief, open_: tuple[str, ...]) -> None:
    assert open_fields(brief) == open_
    assert f"others are null: {', '.join(open_) or 'none'}\n" in requirements_text(brief, without_secrets)


@pytest.mark.parametrize("field", ["image", "name", "ports", "env", "command", "volumes", "labels", "restart"])
def test_nothing_but_judgement_is_ever_open(field: str) -> None:
    assert field in Workload.__dataclass_fields__
    found: Any = {name for brief in briefs().values() for name in open_fields(brief)}
    assert field not in found
