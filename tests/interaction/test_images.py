"""Registries through the hub's doors: what tools tell of images, what plans do with it, and what is never kept."""

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response

from opstwin.control.wording import worded
from opstwin.domain.audit import AuditEntry
from opstwin.domain.plan import Plan, sealed
from opstwin.domain.values import PlanId
from opstwin.twin.opening import open_store
from opstwin.twin.store import Put
from tests.interaction.house import HUB, House
from tests.interaction.test_pages import LIE, Reading, look
from tests.registry_stub import CANARY, PRIVATE, Stub, digest_of, manifest_of, serving

OLD, NEW = digest_of(manifest_of(f"{PRIVATE}:1.1")), digest_of(b"moved")


class Street:
    """A house, a registry beside it, and a configuration that names the one to the other."""

    def __init__(self, house: House, stub: Stub) -> None:
        self.house, self.stub = house, stub
        self.image = f"{stub.host}/{PRIVATE}:1.1"
        (house.folder / "secrets").mkdir(exist_ok=True)
        (house.folder / "secrets" / "registry").write_text(f"{CANARY}\n")
        self.configure("credential: file:registry")
        for name in (self.image, f"{self.image}@{OLD}", f"{self.image}@{NEW}", f"{stub.host}/{PRIVATE}:9"):
            house.world.image(name, exposed=(80,), start_s=0.5)

    def configure(self, *lines: str) -> None:
        entry = [f"- host: {self.stub.host}", "username: ci", "insecure: true", *lines]
        (self.house.folder / "registries.yaml").write_text("registries:\n" + "\n  ".join(entry) + "\n")

    async def get(self, path: str, role: str = "owner", **params: Any) -> tuple[int, Any]:
        async with self.house.caller(role) as client:
            answer = await client.get(path, **params)
        return answer.status_code, answer.json()

    async def plan(self, words: str = "") -> dict[str, Any]:
        async with self.house.caller() as client:
            return await client.planned(words or f"deploy {self.image} as web")

    async def applied(self, words: str = "") -> dict[str, Any]:
        async with self.house.caller() as client:
            plan = await client.approved(words or f"deploy {self.image} as web")
            answer = await client.post(f"/plans/{plan['id']}:apply", Idempotency_Key=plan["id"])
            assert answer.status_code in (200, 202), answer.text
        await self.house.work()
        return plan

    def move(self) -> None:
        """The tag stands for something else from now on."""
        self.stub.images[PRIVATE]["1.1"] = b"moved"

    def silence(self) -> None:
        """The registry answers nothing useful any more."""
        self.stub.before = lambda _request: Response(status_code=503)


Built = Callable[..., Any]


@pytest.fixture
async def build(tmp_path: Path) -> AsyncIterator[Built]:
    async with AsyncExitStack() as closing:

        async def built(**given: Any) -> Street:
            stub = await closing.enter_async_context(serving(Stub("plain")))
            house = await House(tmp_path, **given).furnish()
            street = Street(house, stub)
            await house.services.observer.discover("local")
            return street

        yield built


@pytest.mark.req("S5.7")
async def test_a_tag_is_resolved_and_tags_are_listed_through_the_api(build: Built) -> None:
    street = await build()
    status, found = await street.get("/images/resolve", "viewer", image=street.image)
    assert (status, found["digest"], found["is_index"]) == (200, OLD, True)
    assert found["pinned"] == f"{street.image}@{OLD}"
    status, found = await street.get("/images/tags", "viewer", image=street.image, limit=2)
    assert (status, len(found["tags"]), found["total"], found["cut"]) == (200, 2, 5, True)
    assert (await street.get("/images/tags", "viewer", image=street.image))[1]["cut"] is False


async def test_only_configured_registries_are_asked_whoever_names_another(build: Built) -> None:
    street = await build()
    async with serving(Stub("plain")) as other:
        for role in ("owner", "planner"):
            for image in (f"{other.host}/{PRIVATE}:1.1", "169.254.169.254/latest:1", "nginx:1"):
                status, found = await street.get("/images/resolve", role, image=image)
                assert (status, found["code"]) == (404, "not_found")
                assert street.stub.host in found["next_step"]
        assert other.seen == []
    status, found = await street.get("/images/resolve", image="No Image")
    assert (status, found["details"]["field"]) == (422, "image")


async def test_a_registry_added_to_the_file_is_there_without_a_restart(build: Built) -> None:
    street = await build()
    file = street.house.folder / "registries.yaml"
    text = file.read_text()
    file.unlink()
    assert (await street.get("/registries"))[1]["items"] == []
    assert (await street.get("/images/resolve", image=street.image))[0] == 404
    file.write_text(text)
    [shown] = (await street.get("/registries"))[1]["items"]
    assert (shown["host"], shown["credential"], shown["type"]) == (street.stub.host, "file:registry", "plain")
    assert (await street.get("/images/resolve", image=street.image))[0] == 200


async def read_again(street: Street, *clusters: str) -> tuple[set[str], dict[str, tuple[str, str]]]:
    """Let the hub read a configuration with these clusters: the targets and the registries that it knows then."""
    text = "clusters:\n" + "".join(f"- {item}\n" for item in clusters)
    async with street.house.caller() as client:
        assert (await client.post("/targets:import", {"file": text})).status_code == 200
    targets = {item["id"] for item in (await street.get("/targets"))[1]["items"]}
    registries = (await street.get("/registries"))[1]["items"]
    return targets, {item["host"]: (item["type"], item["source"]) for item in registries}


@pytest.mark.req("S5.95")
async def test_a_cluster_added_to_the_configuration_is_there_with_its_registry_once_it_is_read_again(
    build: Built,
) -> None:
    street = await build()
    seoul = "{name: eks, type: sim, endpoint: 'sim://eks', registry: 1.dkr.ecr.eu-west-1.amazonaws.com}"
    korea = "{name: aks, type: sim, endpoint: 'sim://aks', registry: shop.azurecr.io}"
    targets, registries = await read_again(street, seoul)
    assert registries["1.dkr.ecr.eu-west-1.amazonaws.com"] == ("ecr", "the settings of target eks")
    assert "aks" not in targets
    targets, registries = await read_again(street, seoul, korea)
    assert {"local", "eks", "aks"} <= targets
    assert registries["1.dkr.ecr.eu-west-1.amazonaws.com"] == ("ecr", "the settings of target eks")
    assert registries["shop.azurecr.io"] == ("acr", "the settings of target aks")


@pytest.mark.req("S5.7")
async def test_a_plan_tells_the_digest_of_the_image_that_it_brings_in(build: Built) -> None:
    street = await build()
    plan = await street.plan()
    assert any(OLD in note and street.image in note for note in plan["notes"])
    assert plan["changes"][0]["after"]["image"] == street.image
    scaled = await street.applied()
    assert scaled["changes"]
    later = await street.plan("scale web to 3")
    created = [item["name"] for item in later["changes"]]
    assert created
    assert all(item["after"]["image"] == street.image for item in later["changes"])


async def test_the_page_where_a_plan_is_decided_shows_the_digest_and_no_words_of_others(build: Built) -> None:
    street = await build()
    plan = await street.plan()
    session = await street.house.session("operator")
    for language, said in (("en", "Good to know"), ("ko", "알아 둘 점")):
        page = Reading(await look(street.house, f"/plans/{plan['id']}", session, **{"accept-language": language}))
        assert said in page.text
        assert f"{street.image} is {OLD}" in page.text or f"{street.image}은(는)" in page.text
        assert OLD in page.text
    stored = await street.house.services.ledger.need(Plan, plan["id"])
    fills = worded("defaults", kind="deployment", name="web", fields='spec.type = "RollingUpdate"')
    told = sealed(replace(stored, id=PlanId("plan_1111111111"), notes=(LIE, fills), version=0))
    entry = AuditEntry(action="test", subject=told.id, actor=HUB)
    await street.house.services.ledger.commit([Put(told)], [entry])
    page = Reading(await look(street.house, f"/plans/{told.id}", session))
    assert 'the target fills in spec.type = "RollingUpdate"' in page.text
    assert "scales" not in page.text
    assert OLD not in page.text


async def test_a_plan_for_another_registry_says_nothing_of_digests(build: Built) -> None:
    street = await build()
    plan = await street.plan("deploy app:1 as web")
    assert not any("sha256" in note or "digest" in note for note in plan["notes"])
    assert street.stub.seen == []


async def test_with_pinning_the_digest_is_what_is_planned_and_kept(build: Built) -> None:
    street = await build(settings={"pin_images": True})
    plan = await street.applied()
    pinned = f"{street.image}@{OLD}"
    assert plan["changes"][0]["after"]["image"] == pinned
    assert any("pinned" in note for note in plan["notes"])
    assert (await street.plan())["changes"] == [], "the same tag with the same digest is no change"
    scaled = await street.plan("scale web to 2")
    assert {item["after"]["image"] for item in scaled["changes"]} == {pinned}
    street.move()
    moved = await street.plan()
    assert [item["after"]["image"] for item in moved["changes"]] == [f"{street.image}@{NEW}"]


async def test_with_pinning_and_no_answer_what_stands_stays_pinned(build: Built) -> None:
    street = await build(settings={"pin_images": True})
    await street.applied()
    street.silence()
    assert (await street.plan())["changes"] == []


async def test_with_pinning_a_plan_that_changes_no_image_pins_none(build: Built) -> None:
    street = await build(settings={"pin_images": True})
    file = street.house.folder / "registries.yaml"
    text = file.read_text()
    file.unlink()
    await street.applied()
    file.write_text(text)
    scaled = await street.plan("scale web to 2")
    assert {item["after"]["image"] for item in scaled["changes"]} == {street.image}
    assert [item["name"] for item in scaled["changes"]] == ["web-2"]


@pytest.mark.parametrize("pin_images", [False, True])
async def test_a_registry_that_does_not_answer_never_keeps_a_plan_away(build: Built, pin_images: bool) -> None:
    street = await build(settings={"pin_images": pin_images})
    street.silence()
    plan = await street.plan()
    assert plan["state"] == "pending"
    assert any("is not known" in note and "503" in note for note in plan["notes"])
    asked = len(street.stub.seen)
    again = await street.plan(f"deploy {street.image} as spare")
    assert any("is not known" in note for note in again["notes"])
    assert len(street.stub.seen) == asked == 1, "it is left alone for a while"
    street.stub.before = None
    street.house.clock.advance(60)
    later = await street.plan()
    assert not any("is not known" in note for note in later["notes"])
    assert any(OLD in str(item["after"]["image"]) for item in later["changes"]) is pin_images


FAULTS: dict[str, tuple[str, str]] = {
    "a wrong credential": ("credential: file:wrong", "does not let the hub"),
    "a reference without a value": ("credential: file:none", "cannot be read"),
    "a broken file": ("nonsense: true", "is not known"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_what_is_wrong_with_a_registry_is_a_note_in_the_plan(build: Built, fault: str) -> None:
    street = await build()
    line, said = FAULTS[fault]
    (street.house.folder / "secrets" / "wrong").write_text("wrong")
    street.configure(line)
    plan = await street.plan()
    assert any(said in note and street.image in note for note in plan["notes"]), plan["notes"]


async def test_a_tag_that_the_registry_lacks_is_a_note_with_the_nearest(build: Built) -> None:
    street = await build()
    plan = await street.plan(f"deploy {street.stub.host}/{PRIVATE}:9 as web")
    assert any("but not 9" in note for note in plan["notes"])


@pytest.mark.req("S5.78")
async def test_nothing_that_is_kept_holds_a_credential(build: Built, tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path / 'twin.db'}")
    street = await build(store=store, settings={"pin_images": True})
    await street.applied()
    for role in ("owner", "planner"):
        for path in ("/images/resolve", "/images/tags"):
            assert (await street.get(path, role, image=street.image))[0] == 200
        assert CANARY not in str(await street.get("/registries", role))
    street.stub.password = "other"
    street.stub.revoke()
    status, refused = await street.get("/images/resolve", image=street.image)
    assert (status, refused["code"]) == (403, "forbidden")
    await street.plan(f"deploy {street.stub.host}/{PRIVATE}:9 as spare")
    async with street.house.caller() as client:
        fields = {"settings": {"registry": street.stub.host, "registry_credential": "file:registry"}}
        answer = await client.http.patch("/api/v1/targets/local", json=fields)
        assert answer.status_code == 200, answer.text
    await store.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("twin.db*"))
    assert b"file:registry" in kept, "the dump is one of this twin"
    assert OLD.encode() in kept
    basic = base64.b64encode(f"ci:{CANARY}".encode())
    for secret in (CANARY.encode(), basic, CANARY.encode().hex().encode(), b"token-"):
        assert secret not in kept
