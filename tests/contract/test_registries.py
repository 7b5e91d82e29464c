"""What every type of registry must do, each behind its own way to sign in, over real sockets."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.responses import Response

from opstwin.errors import Forbidden, LimitExceeded, NotFound, OpstwinError, Rejected, Unreachable
from tests.registry_stub import CANARY, KINDS, PRIVATE, PUBLIC, TAGS, Bench, Stub, digest_of, manifest_of, serving

pytestmark = pytest.mark.req("S5.7", "S5.99")
TAG_DIGEST = digest_of(manifest_of(f"{PRIVATE}:1.1"))


@pytest.fixture(params=KINDS)
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    async with serving(Stub(request.param)) as stub:
        yield Bench(stub, tmp_path).configure()


async def test_a_tag_is_resolved_to_the_digest_of_its_index(bench: Bench) -> None:
    found = await bench.registries.resolve(bench.image())
    assert (found.digest, found.is_index, found.registry) == (TAG_DIGEST, True, bench.stub.kind)
    assert found.pinned == f"{bench.image()}@{TAG_DIGEST}"


async def test_a_digest_is_found_to_be_there(bench: Bench) -> None:
    image = f"{bench.stub.host}/{PRIVATE}@{TAG_DIGEST}"
    assert (await bench.registries.resolve(image)).digest == TAG_DIGEST


async def test_all_pages_of_tags_are_listed(bench: Bench) -> None:
    found = await bench.registries.tags(bench.image())
    assert (set(found.tags), len(found.tags), found.cut) == (set(TAGS), len(TAGS), False)
    assert found.tags == ("2.0-rc1", "1.2", "1.1", "1.0", "latest")
    assert bench.stub.asked_for("/tags/list") > len(TAGS) // bench.stub.page


async def test_a_tag_that_is_not_there_names_the_nearest(bench: Bench) -> None:
    with pytest.raises(NotFound, match=r"not 1\.3\. The nearest: 1\.") as told:
        await bench.registries.resolve(bench.image(tag="1.3"))
    assert told.value.details["nearest"]


async def test_an_image_that_is_not_there_is_said_to_be_missing(bench: Bench) -> None:
    with pytest.raises(NotFound, match="has no image"):
        await bench.registries.resolve(bench.image("shop/nothing"))


async def test_a_wrong_credential_is_refused_and_the_reference_named(bench: Bench) -> None:
    bench.set_secret("wrong")
    with pytest.raises(Forbidden) as told:
        await bench.registries.resolve(bench.image())
    reference = str(told.value.details["reference"])
    assert reference in str(told.value)
    assert reference.startswith(("env:", "file:"))


async def test_a_private_image_without_a_credential_says_what_to_set(bench: Bench) -> None:
    bench.configure("")
    with pytest.raises(Forbidden, match=r"no credential is set for it.*credential: env:NAME") as told:
        await bench.registries.resolve(bench.image())
    assert "registries.yaml" in told.value.next_step


async def test_a_reference_without_a_value_is_named(bench: Bench) -> None:
    bench.environ.clear()
    (bench.folder / "key.json").unlink()
    with pytest.raises(Rejected, match=r"env:|file:"):
        await bench.registries.resolve(bench.image())


async def test_signing_in_is_done_once_for_many_questions(bench: Bench) -> None:
    await bench.registries.resolve(bench.image())
    first = len(bench.stub.seen)
    for tag in TAGS:
        await bench.registries.resolve(bench.image(tag=tag))
    assert len(bench.stub.seen) == first + len(TAGS)


async def test_an_expired_login_is_replaced(bench: Bench) -> None:
    await bench.registries.resolve(bench.image())
    first = len(bench.stub.seen)
    bench.clock.advance(13 * 3600)
    await bench.registries.resolve(bench.image())
    assert len(bench.stub.seen) > first + 1


async def test_a_revoked_login_is_replaced_by_the_secret_that_is_there_now(bench: Bench) -> None:
    await bench.registries.resolve(bench.image())
    bench.stub.revoke()
    bench.stub.password = "another"
    bench.set_secret("another")
    assert (await bench.registries.resolve(bench.image())).digest == TAG_DIGEST


async def test_too_many_requests_say_when_to_come_again(bench: Bench) -> None:
    bench.stub.before = lambda _request: Response(status_code=429, headers={"retry-after": "17"})
    with pytest.raises(LimitExceeded) as told:
        await bench.registries.resolve(bench.image())
    assert told.value.retry_after_s == 17


async def test_a_registry_that_is_unwell_is_unreachable_and_nothing_is_said_to_be_missing(bench: Bench) -> None:
    bench.stub.before = lambda _request: Response(status_code=503)
    with pytest.raises(Unreachable, match="503"):
        await bench.registries.tags(bench.image())


@pytest.mark.req("S5.78")
async def test_no_error_and_no_form_of_it_holds_a_secret(bench: Bench) -> None:
    bench.stub.password = "other"
    told: list[OpstwinError] = []
    for image in (bench.image(), bench.image("shop/nothing"), bench.image(tag="none")):
        with pytest.raises(OpstwinError) as raised:
            await bench.registries.resolve(image)
        told.append(raised.value)
    assert CANARY not in "".join(f"{item!r}{item}{item.details}" for item in told)
    assert CANARY not in repr(bench.registries)


@pytest.mark.parametrize("kind", ["plain", "harbor", "gcr"])
async def test_a_public_image_needs_no_login(kind: str, tmp_path: Path) -> None:
    async with serving(Stub(kind)) as stub:
        bench = Bench(stub, tmp_path).configure("")
        assert (await bench.registries.resolve(bench.image(PUBLIC))).is_index
        assert not any(item.authorization.startswith("Basic") for item in stub.seen)


AWS_KEYS = "username: AKIDSTUB\n  credential: env:REGISTRY_SECRET\n  region: eu-west-1\n  api: http://HOST"
OTHER_LOGINS = {
    "plain: a pair in one secret": ("plain", "credential: env:PAIR"),
    "ecr: a password that was fetched outside": ("ecr", "username: AWS\n  credential: env:ECR"),
    "ecr: the same without a username": ("ecr", "credential: env:ECR"),
    "ecr: keys that expire": ("ecr", f"{AWS_KEYS}\n  session_token: env:SESSION"),
    "acr: a name and a password": ("acr", "username: app-id\n  credential: env:REGISTRY_SECRET"),
    "acr: a refresh token": (
        "acr", "username: 00000000-0000-0000-0000-000000000000\n  credential: env:REFRESH",
    ),
    "gcr: an access token": ("gcr", "credential: env:ACCESS"),
    "gcr: a key file by name": ("gcr", "username: _json_key\n  credential: file:key.json"),
}  # fmt: skip


@pytest.mark.parametrize("way", OTHER_LOGINS)
async def test_the_other_ways_to_sign_in_lead_to_the_same_digest(way: str, tmp_path: Path) -> None:
    kind, login = OTHER_LOGINS[way]
    async with serving(Stub(kind)) as stub:
        bench = Bench(stub, tmp_path).configure(login)
        bench.environ |= {
            "PAIR": f"ci:{CANARY}", "ECR": f"ecr-{CANARY}", "SESSION": "session", "REFRESH": f"refresh-{CANARY}",
            "ACCESS": f"ya29.{CANARY}",
        }  # fmt: skip
        assert (await bench.registries.resolve(bench.image())).digest == TAG_DIGEST
