"""The registries of a file and of targets, and the plug-ins that give types."""

from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opstwin.control.place_fields import clusters_of, new_target
from opstwin.domain.target import Target
from opstwin.domain.values import TargetId
from opstwin.errors import InvalidInput, NotFound, OpstwinError
from opstwin.manifests.nodes import plain
from opstwin.manifests.yaml_loading import load_documents
from opstwin.registries.configuring import places_of, places_of_targets
from opstwin.registries.loading import load
from opstwin.registries.ports import GROUP, Login, SigningIn
from tests.registry_stub import CANARY, KINDS, Bench, Stub, serving

SEED = """
clusters:
  - {name: aws-eks-seoul, type: kubernetes, kubeconfig: /path, context: "arn:aws:eks:...",
     registry: 123456789.dkr.ecr.ap-northeast-2.amazonaws.com}
  - {name: azure-aks-korea, type: kubernetes, kubeconfig: /path, context: aks, registry: myregistry.azurecr.io}
"""
KINDS_THERE = load([])


def test_the_registries_of_the_seeds_clusters_are_known_with_their_types() -> None:
    config = plain(load_documents(SEED)[0])
    assert isinstance(config, dict)
    now = datetime(2026, 1, 5, tzinfo=UTC)
    targets = [new_target({"id": item.id, **item.fields}, now) for item in clusters_of(config)]
    places = places_of_targets(targets, KINDS_THERE)
    assert {item.host: item.type for item in places} == {
        "123456789.dkr.ecr.ap-northeast-2.amazonaws.com": "ecr", "myregistry.azurecr.io": "acr",
    }  # fmt: skip
    assert places_of(SEED, KINDS_THERE, "config.yaml") == ()


def target(**settings: str) -> Target:
    return Target(
        id=TargetId("prod"), display_name="Prod", backend_type="docker", agent_endpoint="unix:///x",
        created_at=datetime(2026, 1, 5, tzinfo=UTC), settings=settings,
    )  # fmt: skip


def test_a_target_may_name_the_reference_of_its_registry_and_no_value() -> None:
    named = target(registry="https://r.example.com/team", registry_credential="env:R", registry_username="ci")
    [place] = places_of_targets([named], KINDS_THERE)
    assert (place.host, place.credential, place.username) == ("r.example.com", "env:R", "ci")
    assert not place.insecure
    assert places_of_targets([target(registry="r.example.com", registry_credential=CANARY)], KINDS_THERE) == ()
    assert places_of_targets([target(registry="no host!"), target()], KINDS_THERE) == ()


BAD = {
    "registries: 3": "registries",
    "registries: [3]": "registries[0]",
    "registries: [{name: x}]": "registries[0].host",
    "registries: [{host: 'a b'}]": "registries[0].host",
    "registries: [{host: a.example, type: unheard}]": "registries[0].type",
    "registries: [{host: a.example, pasword: x}]": "registries[0].pasword",
    "registries: [{host: a.example, tenant: x}]": "registries[0].tenant",
    "registries: [{host: a.example, insecure: 'yes'}]": "registries[0].insecure",
    "registries: [{host: a.example, token_hosts: b}]": "registries[0].token_hosts",
    "registries: [{host: a.example}, {host: A.example}]": "registries[1].host",
    f"registries: [{{host: a.example, credential: {CANARY}}}]": "registries[0].credential",
    f"registries: [{{host: a.example, type: ecr, session_token: {CANARY}}}]": "registries[0].session_token",
    "registries: [{host: a.example, credential: [x]}]": "registries[0].credential",
}


@pytest.mark.parametrize("text", BAD)
def test_a_wrong_entry_is_named_and_a_secret_in_it_is_not_repeated(text: str) -> None:
    with pytest.raises((InvalidInput, NotFound)) as told:
        places_of(text, KINDS_THERE, "registries.yaml")
    assert told.value.details["field"] == BAD[text]
    assert CANARY not in f"{told.value}{told.value.details}"


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        places_of(f"registries:\n- {text}", KINDS_THERE, "registries.yaml")
        places_of(text, KINDS_THERE, "registries.yaml")
    except OpstwinError:
        return


async def test_a_registry_added_to_the_file_is_asked_without_a_restart(tmp_path: Path) -> None:
    async with serving(Stub("harbor")) as stub:
        bench = Bench(stub, tmp_path)
        with pytest.raises(NotFound, match="is configured") as told:
            await bench.registries.resolve(bench.image())
        assert "registries.yaml" in told.value.next_step
        assert stub.seen == []
        bench.configure()
        assert (await bench.registries.resolve(bench.image())).is_index
        bench.file.write_text("registries: []\n")
        with pytest.raises(NotFound):
            await bench.registries.resolve(bench.image())


async def test_tokens_of_a_registry_that_was_taken_out_are_forgotten(tmp_path: Path) -> None:
    async with serving(Stub("plain")) as stub:
        bench = Bench(stub, tmp_path).configure()
        await bench.registries.resolve(bench.image())
        bench.file.write_text("registries: []\n")
        with pytest.raises(NotFound):
            await bench.registries.resolve(bench.image())
        bench.configure()
        await bench.registries.resolve(bench.image())
        assert stub.asked_for("/token") == 2


@pytest.mark.parametrize("kind", KINDS)
async def test_a_file_with_a_fault_says_so_and_asks_nobody(kind: str, tmp_path: Path) -> None:
    async with serving(Stub(kind)) as stub:
        bench = Bench(stub, tmp_path).configure(typ="5")
        with pytest.raises(InvalidInput):
            await bench.registries.resolve(bench.image())
        assert stub.seen == []


class Own:
    """A type of registry as somebody else writes it."""

    name = "own"
    options = ("team",)

    def suits(self, host: str) -> bool:
        return host.endswith(".own.example")

    async def login(self, signing: SigningIn) -> Login:
        return Login(username=signing.place.options["team"], password=signing.secrets.resolve(signing.place.credential))


OWN = Own()


class Blocking(Own):
    """Its login is no coroutine."""

    name = "blocking"

    def login(self, signing: SigningIn) -> Login:  # type: ignore[override]
        return Login()


BLOCKING = Blocking()
NO_OPTIONS = type("NoOptions", (Own,), {"name": "no-options", "options": "team"})()
HERE = "tests.unit.registries.test_configuring"


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name=name, value=value, group=GROUP)


@pytest.mark.req("S5.97")
async def test_a_type_of_a_plug_in_is_used_like_an_own_one(tmp_path: Path) -> None:
    kinds = load([point("own", f"{HERE}:OWN")])
    assert (kinds.of_host("a.own.example"), kinds.refused) == ("own", ())
    async with serving(Stub("plain")) as stub:
        bench = Bench(stub, tmp_path, kinds=kinds)
        bench.configure("team: ci\n  credential: env:REGISTRY_SECRET", kind="own")
        assert (await bench.registries.resolve(bench.image())).registry == "plain"


@pytest.mark.req("S5.97")
def test_a_plug_in_that_is_installed_is_found_by_its_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = tmp_path / "quay_for_opstwin-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: quay-for-opstwin\nVersion: 1.2\n")
    (about / "entry_points.txt").write_text(
        f"[{GROUP}]\nquay = quay_for_opstwin:KIND\nbroken = quay_for_opstwin:NONE\n"
    )
    (tmp_path / "quay_for_opstwin.py").write_text(
        f"from {HERE} import Own\nKIND = type('Quay', (Own,), {{'name': 'quay'}})()\n"
    )
    assert "quay" not in load().kinds
    monkeypatch.syspath_prepend(tmp_path)
    kinds = load()
    assert kinds.need("quay").name == "quay"
    assert [(item.name, item.source) for item in kinds.refused] == [("broken", "quay-for-opstwin 1.2")]


REFUSED = {
    "cannot-import": "opstwin_no_such_plugin:KIND", "a-class": f"{HERE}:Own", "other-name": f"{HERE}:OWN",
    "blocking": f"{HERE}:BLOCKING", "no-options": f"{HERE}:NO_OPTIONS", "ecr": "opstwin.registries.loading:OWN",
    "Bad Name": f"{HERE}:OWN", "harbor": f"{HERE}:HARBOR",
}  # fmt: skip
HARBOR = type("Taken", (Own,), {"name": "harbor"})()


@pytest.mark.req("S5.97")
def test_a_bad_plug_in_is_refused_by_name_and_the_others_stay() -> None:
    points = [point(name, value) for name, value in REFUSED.items()]
    kinds = load([*points, point("own", f"{HERE}:OWN")])
    assert {item.name for item in kinds.refused} == set(REFUSED)
    assert set(kinds.kinds) == {*KINDS, "own"}
    assert all(item.error.next_step for item in kinds.refused)
    with pytest.raises(NotFound, match=r"blocking.*async login"):
        kinds.need("blocking")
