"""Images on the command line: a real hub asks a real registry that wants a login."""

from collections.abc import Iterator

import pytest

from opstwin.cli.exits import Exit
from tests.e2e.cli.conftest import Shell
from tests.plugins.image_registry import (
    API,
    HTPASSWD,
    PASSWORD,
    SINGLE,
    USER,
    Images,
    RealRegistry,
    paper,
    real_registry,
)

HIGHEST_FIRST = ["2.0-rc1", "1.2", "1.1", "1.0", "latest"]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, registry_images: Images) -> Iterator[RealRegistry]:
    folder = tmp_path_factory.mktemp("registry")
    (folder / "htpasswd").write_text(f"{HTPASSWD}\n")
    auth = {"htpasswd": {"realm": "tests", "path": str(folder / "htpasswd")}}
    with real_registry(folder, registry_images.folder, tls=paper(folder), auth=auth) as registry:
        yield registry


@pytest.fixture(scope="module")
def shell(shell_once: Shell, registry: RealRegistry) -> Shell:
    data = shell_once.folder / "data"
    (data / "secrets").mkdir(exist_ok=True)
    (data / "secrets" / "registry").write_text(PASSWORD)
    assert registry.paper is not None
    (data / "registries.yaml").write_text(
        f"registries:\n- host: {registry.host}\n  name: shop\n  username: {USER}\n  credential: file:registry\n"
        f"  ca_file: {registry.paper.certificate_file}\n"
    )
    return shell_once


@pytest.mark.req("S5.7")
def test_tags_are_listed_and_a_tag_is_resolved(shell: Shell, registry: RealRegistry, registry_images: Images) -> None:
    image = f"{registry.host}/{API}"
    assert shell.ok("images", "tags", image).split() == ["TAG", *HIGHEST_FIRST]
    assert shell.json("images", "tags", image)["tags"] == HIGHEST_FIRST
    digest = registry_images.digests["1.1"]
    assert shell.ok("images", "resolve", f"{image}:1.1") == f"{image}:1.1@{digest}\n"
    assert shell.json("images", "resolve", f"{image}:1.1")["digest"] == digest
    cut = shell.run("images", "tags", image, "--limit", "2")
    assert len(cut.stdout.splitlines()) == 3
    assert "There are more." in cut.stderr


def test_what_is_of_one_platform_only_is_said_beside_the_name(
    shell: Shell, registry: RealRegistry, registry_images: Images
) -> None:
    ended = shell.run("images", "resolve", f"{registry.host}/{SINGLE}:1")
    assert ended.stdout == f"{registry.host}/{SINGLE}:1@{registry_images.single}\n"
    assert "one platform" in ended.stderr


def test_the_registries_are_listed_with_references_only(shell: Shell, registry: RealRegistry) -> None:
    table = shell.ok("images", "registries")
    assert f"shop      {registry.host}" in table
    assert "file:registry" in table
    assert PASSWORD not in table


def test_what_is_not_there_ends_with_the_next_step(shell: Shell, registry: RealRegistry) -> None:
    ended = shell.run("images", "resolve", f"{registry.host}/{API}:1.3")
    assert ended.returncode == Exit.ERROR
    assert "The nearest: 1." in ended.stderr
    assert f"opstwin images tags {registry.host}/{API}" in ended.stderr
    ended = shell.run("images", "tags", "elsewhere.example/a")
    assert ended.returncode == Exit.ERROR
    assert "below registries: in registries.yaml" in ended.stderr


def test_a_plan_shows_its_notes(shell: Shell, registry: RealRegistry, registry_images: Images) -> None:
    image = f"{registry.host}/{API}:1.1"
    digest = registry_images.digests["1.1"]
    notes = [line for line in shell.ok("plan", f"deploy {image} as web").splitlines() if line.startswith("Note: ")]
    assert f"Note: Image {image} is {digest} at registry {registry.host} now." in notes
