"""The register of targets: checked field by field, one default, tested without writing, read from a configuration."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest
from ruamel.yaml import YAML

from opstwin.control.places import Places
from opstwin.domain.resource import Observed
from opstwin.domain.target import Mode, Target
from opstwin.errors import Conflict, Forbidden, InvalidInput, NotFound, Rejected, Unreachable
from opstwin.targets.ports import Previewer, Reader, Renderer
from opstwin.targets.sim.faults import Fault, FaultKind
from opstwin.targets.sim.world import World
from opstwin.twin.memory import MemoryStore
from opstwin.twin.store import Commit, Receipt
from tests.rig import ANNA, LOCAL, ROBOT, Rig, SimPlaces, app
from tests.seed_configuration import SEED

NEW = {"id": "shop", "display_name": "Shop", "backend_type": "docker", "agent_endpoint": "unix:///run/docker.sock"}


@dataclass(frozen=True)
class Installed:
    """Drivers for some backends; every target is the same world."""

    sims: SimPlaces
    backends: tuple[str, ...] = ("docker", "sim")

    def reader(self, target: Target) -> Reader:
        self._check(target)
        return self.sims.reader(replace(target, id=LOCAL))

    def renderer(self, target: Target) -> Renderer:
        self._check(target)
        return self.sims.renderer(replace(target, id=LOCAL))

    def previewer(self, target: Target) -> Previewer | None:
        self._check(target)
        return self.sims.previewer(replace(target, id=LOCAL))

    def _check(self, target: Target) -> None:
        if target.backend_type not in self.backends:
            raise InvalidInput(f"No driver for {target.backend_type} is installed.", field="backend_type")


def empty(*backends: str) -> tuple[Places, Rig]:
    rig = Rig()
    assert rig.places is not None
    return Places(rig.ledger, Installed(rig.places, backends or ("docker", "sim"))), rig


def config(text: str) -> Mapping[str, object]:
    loaded: Mapping[str, object] = YAML(typ="safe").load(text)
    return loaded


class Slow(MemoryStore):
    """Lets others come between what was read and what is written."""

    async def commit(self, commit: Commit) -> Receipt:
        await asyncio.sleep(0)
        return await super().commit(commit)


async def defaults(places: Places) -> list[str]:
    return [item.id for item in await places.list() if item.is_default]


async def test_a_target_is_added_with_its_defaults_and_audited() -> None:
    places, rig = empty()
    target = await places.add(NEW, ANNA)
    assert target == await places.get("shop")
    assert (target.connection_type, target.auth_method, target.mode, target.is_active) == (
        "direct", "none", Mode.PROPOSE, True,
    )  # fmt: skip
    [row] = await rig.audit()
    assert (row.action, row.subject, row.actor) == ("target.add", "shop", ANNA)


@pytest.mark.req("S2.27", "S2.28", "S2.29", "S2.30")
@pytest.mark.parametrize("field", ["id", "display_name", "backend_type", "agent_endpoint"])
@pytest.mark.parametrize("value", [..., None, ""], ids=["not given", "null", "empty"])
async def test_a_field_that_is_needed_and_missing_is_named(field: str, value: object) -> None:
    places, _ = empty()
    given = {name: item for name, item in {**NEW, field: value}.items() if item is not ...}
    with pytest.raises(InvalidInput, match="is missing") as refused:
        await places.add(given, ANNA)
    assert refused.value.field == field
    assert await places.list() == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "a--b"), ("id", "../x"), ("id", "A"), ("id", 7), ("display_name", "   "), ("display_name", "a\nb"),
        ("backend_type", "foo"), ("agent_endpoint", "not a url"), ("agent_endpoint", "http://x:99999"),
        ("agent_endpoint", "http://user:secret@host:2375"), ("agent_endpoint", "sim://x"), ("connection_type", "x"),
        ("auth_method", "basic"), ("is_default", "yes"), ("is_active", 1), ("mode", "fix"), ("settings", ["a"]),
        ("identity", "mine"), ("colour", "red"),
    ],
)  # fmt: skip
async def test_a_wrong_field_is_named_and_nothing_is_stored(field: str, value: object) -> None:
    places, _ = empty()
    with pytest.raises(InvalidInput) as refused:
        await places.add({**NEW, field: value}, ANNA)
    assert refused.value.field == field
    assert refused.value.next_step
    assert "secret" not in str(refused.value)
    assert await places.list() == []
    await places.add(NEW, ANNA)
    if field != "id":
        with pytest.raises(InvalidInput):
            await places.update("shop", {field: value}, ANNA)


async def test_an_id_that_is_taken_is_a_conflict() -> None:
    places, _ = empty()
    await places.add(NEW, ANNA)
    with pytest.raises(Conflict, match="already"):
        await places.add({**NEW, "display_name": "Other"}, ANNA)


async def test_an_active_target_needs_an_installed_driver() -> None:
    places, _ = empty("sim")
    with pytest.raises(InvalidInput, match="No driver"):
        await places.add(NEW, ANNA)
    assert not (await places.add({**NEW, "is_active": False}, ANNA)).is_default
    with pytest.raises(InvalidInput, match="No driver"):
        await places.update("shop", {"is_active": True}, ANNA)


@pytest.mark.req("S2.33")
async def test_a_new_default_takes_the_place_of_the_old_one() -> None:
    places, _ = empty()
    assert (await places.add({**NEW, "id": "a"}, ANNA)).is_default, "the first target is the default"
    assert not (await places.add({**NEW, "id": "b"}, ANNA)).is_default
    await places.add({**NEW, "id": "c", "is_default": True}, ANNA)
    assert await defaults(places) == ["c"]
    await places.update("b", {"is_default": True}, ANNA)
    assert await defaults(places) == ["b"]


@pytest.mark.req("S2.33")
@pytest.mark.parametrize("first", [True, False])
async def test_many_who_claim_the_default_at_once_leave_exactly_one(first: bool) -> None:
    places, rig = empty()
    places = replace(places, ledger=replace(rig.ledger, store=Slow()))
    if first:
        await places.add({**NEW, "id": "zero"}, ANNA)
    names = [f"t{number}" for number in range(4)]
    await asyncio.gather(*(places.add({**NEW, "id": name, "is_default": True}, ANNA) for name in names))
    assert len(await defaults(places)) == 1
    assert len(await places.list()) == 4 + first
    results = await asyncio.gather(
        *(places.update(name, {"is_default": True}, ANNA) for name in names), return_exceptions=True
    )
    assert all(isinstance(item, Target | Conflict) for item in results)
    assert len(await defaults(places)) == 1


async def test_switching_the_default_off_by_an_update_leaves_no_default() -> None:
    places, _ = empty()
    await places.add(NEW, ANNA)
    await places.update("shop", {"is_active": False}, ANNA)
    assert await defaults(places) == []


async def test_a_target_that_is_switched_off_is_no_default_and_cannot_become_it() -> None:
    places, _ = empty()
    await places.add(NEW, ANNA)
    off = await places.remove("shop", ANNA)
    assert (off.is_active, off.is_default) == (False, False)
    with pytest.raises(InvalidInput) as refused:
        await places.update("shop", {"is_default": True}, ANNA)
    assert refused.value.field == "is_default"
    assert (await places.update("shop", {"is_default": True, "is_active": True}, ANNA)).is_default


async def test_an_update_names_the_version_it_was_made_for() -> None:
    places, _ = empty()
    target = await places.add(NEW, ANNA)
    changed = await places.update("shop", {"mode": "heal"}, ANNA, if_version=target.version)
    assert changed.mode is Mode.HEAL
    with pytest.raises(Conflict):
        await places.update("shop", {"mode": "observe"}, ANNA, if_version=target.version)


async def test_an_update_that_changes_nothing_writes_nothing() -> None:
    places, rig = empty()
    target = await places.add(NEW, ANNA)
    assert await places.update("shop", {"display_name": "Shop"}, ANNA) == target
    assert len(await rig.audit()) == 1


async def test_a_target_with_a_running_execution_is_not_switched_off() -> None:
    rig = await Rig().ready()
    assert rig.places is not None
    plan = await rig.approved(await rig.plan_workloads(app()))
    await rig.applier.start(plan.id, ANNA)
    with pytest.raises(Conflict, match="execution"):
        await Places(rig.ledger, rig.places).remove(LOCAL, ANNA)


async def test_a_test_says_who_answers_and_what_is_there_and_writes_nothing() -> None:
    rig = await Rig().ready()
    rig.world.run("web", "app:1")
    rig.world.volume("data")
    rig.world.latency_s = 0.25
    assert rig.places is not None
    audit, known = len(await rig.audit()), await rig.ledger.all(Observed)
    report = await Places(rig.ledger, rig.places).test(LOCAL)
    assert (report.identity, report.is_known, report.latency_ms) == (rig.world.state.identity, True, 250.0)
    assert (report.counts["container"], report.counts["volume"]) == (1, 1)
    assert len(await rig.audit()) == audit
    assert await rig.ledger.all(Observed) == known


async def test_a_test_of_a_target_that_is_away_says_so() -> None:
    rig = await Rig().ready()
    assert rig.places is not None
    rig.world.faults.add(Fault(kind=FaultKind.UNREACHABLE, call="info", times=None))
    with pytest.raises(Unreachable):
        await Places(rig.ledger, rig.places).test(LOCAL)
    with pytest.raises(NotFound):
        await Places(rig.ledger, rig.places).test("nowhere")


async def test_another_machine_is_seen_by_a_test_and_taken_only_by_a_person() -> None:
    rig = await Rig().ready()
    assert rig.places is not None
    places = Places(rig.ledger, rig.places)
    rig.places.worlds["local"] = World(clock=rig.clock, seed=99)
    assert not (await places.test(LOCAL)).is_known
    with pytest.raises(Rejected):
        await rig.observer.discover(LOCAL)
    with pytest.raises(Forbidden):
        await places.accept_identity(LOCAL, ROBOT)
    await places.accept_identity(LOCAL, ANNA)
    assert (await places.test(LOCAL)).is_known
    await rig.observer.discover(LOCAL)


async def test_an_agent_that_changes_the_address_cannot_change_the_machine() -> None:
    rig = await Rig().ready()
    assert rig.places is not None
    places = Places(rig.ledger, rig.places)
    known = (await places.get(LOCAL)).identity
    assert (await places.update(LOCAL, {"agent_endpoint": "sim://other"}, ROBOT)).identity == known
    assert (await places.update(LOCAL, {"agent_endpoint": "sim://third"}, ANNA)).identity == ""


@pytest.mark.req("S5.73", "S5.74")
async def test_the_seeds_configuration_loads_unchanged() -> None:
    places, rig = empty()
    done = await places.import_clusters(config(SEED), ANNA)
    by_id = {item.id: item for item in done.targets}
    eks = by_id["aws-eks-seoul"]
    assert (eks.backend_type, eks.agent_endpoint) == ("kubernetes", "kubeconfig:///path/to/kubeconfig")
    assert eks.settings["context"] == "arn:aws:eks:..."
    assert eks.settings["registry"] == "123456789.dkr.ecr.ap-northeast-2.amazonaws.com"
    assert by_id["azure-aks-korea"].settings["registry"] == "myregistry.azurecr.io"
    local = by_id["local"]
    assert (local.backend_type, local.agent_endpoint) == ("docker", "unix:///var/run/docker.sock")
    assert (local.is_active, local.is_default) == (True, True)
    assert [row.action for row in await rig.audit()] == ["target.import"]


@pytest.mark.req("S5.73")
async def test_a_cluster_without_a_driver_is_kept_switched_off_until_there_is_one() -> None:
    places, rig = empty()
    done = await places.import_clusters(config(SEED), ANNA)
    off = [item for item in done.targets if item.backend_type == "kubernetes"]
    assert [item.is_active for item in off] == [False, False]
    assert len(done.notes) == 2
    assert "aws-eks-seoul" in done.notes[0]
    assert "No driver" in off[0].settings["note"]
    assert rig.places is not None
    later = Places(rig.ledger, Installed(rig.places, ("docker", "kubernetes")))
    done = await later.import_clusters(config(SEED), ANNA)
    assert [item.is_active for item in done.targets] == [True, True, True]
    assert [item.settings.get("note") for item in done.targets] == [None, None, None]


async def test_reading_the_same_configuration_again_changes_nothing() -> None:
    places, rig = empty()
    first = await places.import_clusters(config(SEED), ANNA)
    await places.update("local", {"mode": "heal"}, ANNA)
    audit = len(await rig.audit())
    again = await places.import_clusters(config(SEED), ANNA)
    assert len(await rig.audit()) == audit
    assert [item.id for item in again.targets] == [item.id for item in first.targets]
    assert (await places.get("local")).mode is Mode.HEAL


async def test_what_only_people_say_of_a_target_stays_when_the_configuration_is_read_again() -> None:
    places, _ = empty()
    await places.import_clusters(config(SEED), ANNA)
    known = (await places.get("aws-eks-seoul")).settings
    own = {"namespace": "shop", "registry_credential": "env:ECR_KEY"}
    await places.update("aws-eks-seoul", {"settings": {**known, **own, "context": "by hand"}}, ANNA)
    await places.import_clusters(config(SEED), ANNA)
    again = (await places.get("aws-eks-seoul")).settings
    assert {name: again[name] for name in own} == own
    assert again["context"] == "arn:aws:eks:..."


async def test_a_target_that_a_person_switched_off_stays_off() -> None:
    places, _ = empty()
    await places.import_clusters(config(SEED), ANNA)
    await places.remove("local", ANNA)
    await places.import_clusters(config(SEED), ANNA)
    assert not (await places.get("local")).is_active


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("clusters: x\n", "clusters"),
        ("clusters: [3]\n", "clusters[0]"),
        ("clusters: [{type: docker}]\n", "clusters[0].name"),
        ("clusters: [{name: a}]\n", "clusters[0].type"),
        ("clusters: [{name: a, type: kubernetes}]\n", "clusters[0].kubeconfig"),
        ("clusters: [{name: a, type: kubernetes, kubeconfig: ../x}]\n", "clusters[0].kubeconfig"),
        ("clusters: [{name: a, type: kubernetes, kubeconfig: /x, color: red}]\n", "clusters[0].color"),
        ("clusters: [{name: a, type: mesos, endpoint: 'http://x'}]\n", "clusters[0].backend_type"),
        ("clusters: [{name: A_B, type: kubernetes, kubeconfig: /x}]\n", "clusters[0].id"),
        ("clusters: [{name: 3, type: kubernetes, kubeconfig: /x}]\n", "clusters[0].name"),
        ("clusters: [{name: a, type: docker, socket: 'unix:///a'}, {name: a, type: docker, socket: 'unix:///b'}]\n",
         "clusters[1].name"),
        ("docker: {local: {}}\n", "docker.local.socket"),
        ("docker: {local: {socket: 7}}\n", "docker.local.socket"),
    ],
)  # fmt: skip
async def test_a_wrong_entry_is_named(text: str, field: str) -> None:
    places, _ = empty()
    with pytest.raises(InvalidInput) as refused:
        await places.import_clusters(config(text), ANNA)
    assert refused.value.field == field
    assert refused.value.next_step
    assert await places.list() == []


async def test_one_wrong_entry_keeps_the_good_ones_out_too() -> None:
    places, _ = empty()
    text = "clusters: [{name: good, type: docker, socket: 'unix:///a'}, {name: bad, type: mesos, endpoint: 'http://x'}]"
    with pytest.raises(InvalidInput) as refused:
        await places.import_clusters(config(text), ANNA)
    assert refused.value.field == "clusters[1].backend_type"
    assert await places.list() == []


async def test_a_configuration_without_clusters_adds_nothing() -> None:
    places, rig = empty()
    for text in ("ai: {}\n", "clusters:\n", "clusters: []\n"):
        assert (await places.import_clusters(config(text), ANNA)).targets == ()
    assert await rig.audit() == []


async def test_a_docker_cluster_may_name_its_socket_or_endpoint() -> None:
    places, _ = empty()
    text = (
        "clusters: [{name: a, type: docker, socket: 'unix:///run/a.sock'},"
        " {name: b, type: docker, endpoint: 'http://docker-agent:8081'}]"
    )
    done = await places.import_clusters(config(text), ANNA)
    assert [item.agent_endpoint for item in done.targets] == ["unix:///run/a.sock", "http://docker-agent:8081"]
