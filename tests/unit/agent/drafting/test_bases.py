"""A container of an engine as the Workload that a draft starts from."""

from dataclasses import replace

import pytest

from opstwin.agent.drafting.bases import base_of, filled_in
from opstwin.control.drafts import DraftNote, Filled
from opstwin.control.generating import Part, Wish
from opstwin.domain.workload import Autoscale, HealthCheck, Port, Resources
from opstwin.manifests.generating.info import ContainerInfo

INFO = ContainerInfo(
    name="api", image="acme/api:1", ports=(80, 8080), udp_ports=(53,), published=(Port(container=80, host=80),),
    env_vars={"A": "1", "B": "2"}, secret_env={"B": "env:B"}, user="1000",
)  # fmt: skip


def test_ports_are_those_inside_and_a_secret_goes_before_a_value() -> None:
    base = base_of(INFO)
    assert base.ports == (Port(container=80), Port(container=8080), Port(container=53, protocol="udp"))
    assert (base.env, base.secret_env) == ({"A": "1"}, {"B": "env:B"})


@pytest.mark.parametrize("label", ["io.opstwin.key", "a\u202eb", "x" * 1025, "line\nbreak"])
def test_labels_that_no_workload_can_have_are_left_out(label: str) -> None:
    assert base_of(replace(INFO, labels={label: "x", "team": "shop"})).labels == {"team": "shop"}
    assert base_of(replace(INFO, labels={"note": label if "." not in label else "a\x00"})).labels == {}


def test_only_what_a_draft_may_fill_in_goes_back_into_the_container() -> None:
    base = replace(
        base_of(INFO), resources=Resources(memory_bytes=2**28), replicas=3, health=HealthCheck(command=("true",)),
        autoscale=Autoscale(maximum=4), image="evil:1", env={"C": "3"},
    )  # fmt: skip
    found = filled_in(INFO, base)
    assert (found.resources, found.replicas, found.health, found.autoscale) == (
        base.resources, 3, base.health, base.autoscale,
    )  # fmt: skip
    assert (found.image, found.env_vars, found.published) == (INFO.image, INFO.env_vars, INFO.published)


def note(source: str, confidence: float, why: str = "") -> DraftNote:
    return DraftNote(name="api", source=source, why=why, reasoning="r", examples=(), confidence=confidence)


def test_of_several_parts_the_best_source_and_the_lowest_confidence_are_told() -> None:
    wish = Wish(parts=(Part(info=INFO),))
    mixed = Filled(wish=wish, notes=(note("template", 0.3, "w"), note("model", 0.8), note("template", 0.5, "w")))
    assert (mixed.source, mixed.confidence, mixed.why) == ("model", 0.3, "w")
    assert Filled(wish=wish, notes=(note("template", 0.3), note("cache", 0.8))).source == "cache"
    empty = Filled(wish=wish, notes=())
    assert (empty.source, empty.confidence) == ("template", None)
