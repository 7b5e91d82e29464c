"""Digests of images in plans: where they are looked for, what is written, and what silence does."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from opstwin.clock import VirtualClock
from opstwin.control.building import Draft, Goal
from opstwin.control.comparing import Wanted
from opstwin.control.drafting import Drafted
from opstwin.control.pinning_images import MOST, Pinning, images_in
from opstwin.domain.plan import Change, Op
from opstwin.domain.values import Json, ResourceId, Spec, TargetId
from opstwin.errors import LimitExceeded, OpstwinError, Unreachable
from opstwin.registries.client import Resolved
from opstwin.registries.names import image_name
from tests.unit.control.planning_bench import LOCAL, Bench

DIGEST = f"sha256:{'ab' * 32}"
HOST = "r.example.com"


@dataclass
class Told:
    """Registries that know one host; an error, or silence, in place of an answer."""

    error: OpstwinError | None = None
    silent: bool = False
    asked: list[str] = field(default_factory=list)

    async def knows(self, image: str) -> bool:
        return image_name(image).host == HOST

    async def resolve(self, image: str) -> Resolved:
        self.asked.append(image)
        if self.silent:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        return Resolved(image=image_name(image), digest=DIGEST, media_type="", registry="r")


def manifest(kind: str, *images: str, init: str = "") -> dict[str, Json]:
    containers: list[Json] = [{"name": f"c{place}", "image": image} for place, image in enumerate(images)]
    pod: dict[str, Json] = {"containers": containers, **({"initContainers": [{"image": init}]} if init else {})}
    specs: dict[str, dict[str, Json]] = {
        "Pod": pod, "CronJob": {"jobTemplate": {"spec": {"template": {"spec": pod}}}},
    }  # fmt: skip
    spec = specs.get(kind, {"template": {"spec": pod}})
    group = {"Pod": "v1", "CronJob": "batch/v1"}.get(kind, "apps/v1")
    return {"apiVersion": group, "kind": kind, "metadata": {"name": "web"}, "spec": spec}


@pytest.fixture
async def bench() -> Bench:
    return await Bench().ready()


async def scene(bench: Bench) -> Any:
    from opstwin.control.scene import scene_of

    return await scene_of(bench.ledger, LOCAL)


def change(after: Spec | None, before: Spec | None = None, op: Op = Op.CREATE, kind: str = "container") -> Change:
    return Change(
        resource=ResourceId(f"local/{kind}/web-1"), target=TargetId("local"), kind=kind, name="web-1", op=op,
        after=after, before=before,
    )  # fmt: skip


async def notes(bench: Bench, told: Told, *changes: Change, write: bool = False, language: str = "en") -> list[str]:
    drafted = Drafted(scene=await scene(bench), draft=Draft(changes=changes))
    pinning = Pinning(VirtualClock(), told, write, patience_s=0.1)
    return list((await pinning.told(drafted, language)).draft.notes)


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet", "Pod", "CronJob"])
async def test_every_container_of_a_manifest_is_pinned_and_nothing_else_of_it_changes(bench: Bench, kind: str) -> None:
    spec = manifest(kind, f"{HOST}/a:1", "other.example.com/b:1", f"{HOST}/c@{DIGEST}", init=f"{HOST}/i:2")
    item = Wanted(resource=ResourceId("local/deployment/web"), kind=kind.lower(), name="web", workload=None, spec=spec)
    told = Told()
    goal = await Pinning(VirtualClock(), told, write=True).pinned(await scene(bench), Goal(resources=(item,)))
    assert sorted(images_in(goal.resources[0].spec)) == [
        "other.example.com/b:1", f"{HOST}/a:1@{DIGEST}", f"{HOST}/c@{DIGEST}", f"{HOST}/i:2@{DIGEST}",
    ]  # fmt: skip
    assert sorted(told.asked) == [f"{HOST}/a:1", f"{HOST}/i:2"]
    assert spec == manifest(kind, f"{HOST}/a:1", "other.example.com/b:1", f"{HOST}/c@{DIGEST}", init=f"{HOST}/i:2")


@pytest.mark.parametrize(
    "spec",
    [
        {"apiVersion": "example.com/v1", "kind": "Deployment", "spec": {"template": {"spec": {"containers": []}}}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "spec": "x"},
        {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": {"spec": {"containers": ["x", {}]}}}},
        {"apiVersion": "v1", "kind": "ConfigMap", "data": {"image": f"{HOST}/a:1"}},
        {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "not an image"}, {"image": 3}]}},
    ],
)
async def test_what_has_no_readable_images_stays_as_it_is(bench: Bench, spec: Mapping[str, Json]) -> None:
    item = Wanted(resource=ResourceId("local/x/web"), kind="x", name="web", workload=None, spec=spec)
    told = Told()
    goal = await Pinning(VirtualClock(), told, write=True).pinned(await scene(bench), Goal(resources=(item,)))
    assert goal.resources == (item,)
    assert told.asked == []


async def test_only_what_a_change_brings_in_is_looked_up(bench: Bench) -> None:
    told, image = Told(), {"image": f"{HOST}/a:1"}
    assert await notes(bench, told, change(image, dict(image), Op.UPDATE)) == []
    assert await notes(bench, told, change(None, image, Op.DELETE)) == []
    assert await notes(bench, told, change(image, image, Op.RESTART)) == []
    assert await notes(bench, told, change({"driver": "x"}, kind="volume")) == []
    assert told.asked == []
    [said] = await notes(bench, told, change({"image": f"{HOST}/a:2"}, image, Op.UPDATE), language="ko")
    assert DIGEST in said
    assert "이미지" in said


async def test_silence_is_a_note_after_a_short_while(bench: Bench) -> None:
    many = [change({"image": f"{HOST}/a:{number}"}) for number in range(4)]
    async with asyncio.timeout(5):
        said = await notes(bench, Told(silent=True), *many)
    assert len(said) == 4
    assert all("no answer within 0.1 s" in note for note in said)


async def test_a_registry_that_counts_requests_is_left_alone_until_it_may_be_asked(bench: Bench) -> None:
    clock, told = VirtualClock(), Told(LimitExceeded("Too often.", retry_after_s=600))
    pinning = Pinning(clock, told)
    drafted = Drafted(scene=await scene(bench), draft=Draft(changes=(change({"image": f"{HOST}/a:1"}),)))
    for _ in range(3):
        assert "Too often." in (await pinning.told(drafted, "en")).draft.notes[0]
        clock.advance(190)
    assert len(told.asked) == 1
    clock.advance(100)
    await pinning.told(drafted, "en")
    assert len(told.asked) == 2


async def test_one_plan_asks_no_more_than_it_may(bench: Bench) -> None:
    told = Told()
    await notes(bench, told, *(change({"image": f"{HOST}/a:{number}"}) for number in range(MOST + 20)))
    assert len(told.asked) == MOST


async def test_without_registries_nothing_is_said(bench: Bench) -> None:
    drafted = Drafted(scene=await scene(bench), draft=Draft(changes=(change({"image": f"{HOST}/a:1"}),)))
    assert await Pinning(VirtualClock()).told(drafted, "en") is drafted


async def test_a_failure_of_one_image_does_not_hide_the_others(bench: Bench) -> None:
    class Half(Told):
        async def resolve(self, image: str) -> Resolved:
            if "bad" in image:
                raise Unreachable("Away.")
            return await super().resolve(image)

    said = await notes(bench, Half(), change({"image": f"{HOST}/a:1"}), change({"image": f"{HOST}/bad:1"}))
    assert [DIGEST in note for note in said] == [True, False]
