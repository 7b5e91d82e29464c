"""The same questions to a real registry: without a login, with Basic over TLS, and with tokens that it checks."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from opstwin.clock import VirtualClock
from opstwin.domain.target import Target
from opstwin.errors import Forbidden, NotFound, OpstwinError, Unreachable
from opstwin.registries.directory import Registries, Surroundings
from opstwin.registries.loading import load
from opstwin.targets.reaching import Reach
from opstwin.targets.secrets import HubSecrets
from tests.plugins.image_registry import (
    API,
    DOCKER_MANIFEST,
    HTPASSWD,
    PASSWORD,
    SINGLE,
    TAGS,
    USER,
    Images,
    Paper,
    RealRegistry,
    TokenService,
    paper,
    real_registry,
)
from tests.registry_stub import serving

pytestmark = pytest.mark.req("S5.7")
LOGIN = [f"username: {USER}", "credential: env:PASSWORD"]


@dataclass
class Yard:
    """A real registry, and the hub's registries with a configuration that names it."""

    registry: RealRegistry
    folder: Path
    lines: list[str]
    password: str = PASSWORD

    def __post_init__(self) -> None:
        self.clock = VirtualClock()
        self.environ = {"PASSWORD": self.password}
        self.configure(*self.lines)
        self.registries = Registries(
            Surroundings(
                file=self.folder / "registries.yaml", kinds=load([]), secrets=HubSecrets(self.environ),
                clock=self.clock, check=Reach().check, targets=self._no_targets,
            )
        )  # fmt: skip

    def configure(self, *lines: str) -> None:
        """What the configuration says of the registry."""
        entry = "\n  ".join([f"- host: {self.registry.host}", "name: real", *lines])
        (self.folder / "registries.yaml").write_text(f"registries:\n{entry}\n")

    def image(self, name: str = API, tag: str = "1.1") -> str:
        """An image of it."""
        return f"{self.registry.host}/{name}:{tag}"

    async def _no_targets(self) -> list[Target]:
        return []


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Paper:
    return paper(tmp_path_factory.mktemp("paper"))


@pytest.fixture(params=["open", "basic", "token"])
async def yard(
    request: pytest.FixtureRequest, registry_images: Images, certified: Paper, tmp_path: Path
) -> AsyncIterator[Yard]:
    async with AsyncExitStack() as closing:
        lines, tls = ["insecure: true"], None
        auth: Mapping[str, Any] | None = None
        if request.param == "basic":
            (tmp_path / "htpasswd").write_text(f"{HTPASSWD}\n")
            auth = {"htpasswd": {"realm": "tests", "path": str(tmp_path / "htpasswd")}}
            lines, tls = [*LOGIN, f"ca_file: {certified.certificate_file}"], certified
        if request.param == "token":
            service = await closing.enter_async_context(serving(TokenService(certified)))
            lines, auth = [*LOGIN, "insecure: true", f"token_hosts: ['{service.host}']"], service.auth
        registry = closing.enter_context(real_registry(tmp_path, registry_images.folder, tls=tls, auth=auth))
        yield Yard(registry, tmp_path, lines)


@pytest.fixture
def plain(registry_images: Images, tmp_path: Path) -> Iterator[Yard]:
    with real_registry(tmp_path, registry_images.folder) as registry:
        yield Yard(registry, tmp_path, ["insecure: true"])


async def test_every_tag_is_resolved_to_the_digest_that_was_pushed(yard: Yard, registry_images: Images) -> None:
    for tag, digest in registry_images.digests.items():
        found = await yard.registries.resolve(yard.image(tag=tag))
        assert (found.digest, found.is_index) == (digest, True)
    by_digest = await yard.registries.resolve(f"{yard.registry.host}/{API}@{registry_images.digests['1.1']}")
    assert by_digest.digest == registry_images.digests["1.1"]


async def test_an_image_of_one_platform_is_resolved_to_its_manifest(yard: Yard, registry_images: Images) -> None:
    found = await yard.registries.resolve(yard.image(SINGLE, "1"))
    assert (found.digest, found.media_type) == (registry_images.single, DOCKER_MANIFEST)
    assert not found.is_index


async def test_all_tags_are_listed(yard: Yard) -> None:
    found = await yard.registries.tags(yard.image())
    assert (sorted(found.tags), found.cut) == (sorted(TAGS), False)


async def test_what_is_not_there_is_said_to_be_missing(yard: Yard) -> None:
    with pytest.raises(NotFound, match=r"not 1\.3\. The nearest: 1\."):
        await yard.registries.resolve(yard.image(tag="1.3"))
    with pytest.raises(NotFound, match="but not sha256:"):
        await yard.registries.resolve(f"{yard.registry.host}/{API}@sha256:{'0' * 64}")
    with pytest.raises(NotFound, match="has no image"):
        await yard.registries.tags(yard.image("shop/nothing"))


@pytest.mark.parametrize("yard", ["basic", "token"], indirect=True)
async def test_a_wrong_or_missing_login_is_refused_without_quoting_it(yard: Yard) -> None:
    yard.environ["PASSWORD"] = f"{PASSWORD}-wrong"
    with pytest.raises(Forbidden, match="env:PASSWORD") as told:
        await yard.registries.resolve(yard.image())
    assert PASSWORD not in f"{told.value!r}{told.value.details}"
    yard.configure(*[line for line in yard.lines if line not in LOGIN])
    with pytest.raises(Forbidden, match="no credential is set"):
        await yard.registries.resolve(yard.image())
    yard.configure(*yard.lines)
    yard.environ["PASSWORD"] = PASSWORD
    assert (await yard.registries.resolve(yard.image())).is_index


@pytest.mark.parametrize("yard", ["token"], indirect=True)
async def test_a_token_service_on_another_host_is_asked_only_when_it_is_named(yard: Yard) -> None:
    yard.configure(*LOGIN, "insecure: true")
    with pytest.raises(OpstwinError, match="token_hosts"):
        await yard.registries.resolve(yard.image())


@pytest.mark.parametrize("yard", ["basic"], indirect=True)
async def test_a_certificate_of_an_unknown_issuer_is_not_trusted(yard: Yard) -> None:
    yard.configure(*LOGIN)
    with pytest.raises(Unreachable, match="certificate is not trusted") as told:
        await yard.registries.resolve(yard.image())
    assert "ca_file" in told.value.next_step


@pytest.mark.parametrize("yard", ["basic"], indirect=True)
async def test_a_certificate_of_another_name_is_not_trusted(yard: Yard) -> None:
    other = yard.registry.host.replace("127.0.0.1", "localhost")
    entry = "\n  ".join([f"- host: {other}", *yard.lines])
    (yard.folder / "registries.yaml").write_text(f"registries:\n{entry}\n")
    with pytest.raises(Unreachable, match="certificate is not trusted"):
        await yard.registries.resolve(f"{other}/{API}:1.1")


async def test_a_moved_tag_is_resolved_anew(plain: Yard) -> None:
    moved = plain.registry.put_index("shop/moving", "1", "before")
    assert (await plain.registries.resolve(plain.image("shop/moving", "1"))).digest == moved
    after = plain.registry.put_index("shop/moving", "1", "after")
    assert after != moved
    assert (await plain.registries.resolve(plain.image("shop/moving", "1"))).digest == after


async def test_a_registry_that_went_away_is_unreachable_and_answers_again_when_it_is_back(plain: Yard) -> None:
    before = await plain.registries.resolve(plain.image())
    plain.registry.stop()
    with pytest.raises(Unreachable):
        await plain.registries.resolve(plain.image())
    plain.registry.start()
    assert await plain.registries.resolve(plain.image()) == before
