"""The memory of past deployments: what finished executions leave, who sees it, and what is kept out of it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from opstwin.control.memory_kills import count_oom
from opstwin.control.remembering import KEEPER, SHARED, Memory
from opstwin.control.vetting import Vetting, host_of
from opstwin.domain.access import Actor
from opstwin.domain.audit import AuditEntry, AuditRow
from opstwin.domain.deployment import Deployment
from opstwin.domain.plan import Change, Op, Plan
from opstwin.domain.similarity import Sought
from opstwin.domain.values import ExecutionId, Json, PlanId, resource_id
from opstwin.errors import InvalidInput, NotFound
from opstwin.knowledge.exact import ExactIndex
from opstwin.knowledge.ports import Vector
from opstwin.twin.store import Put
from tests.rig import ANNA, BEN, LOCAL, Rig, app

APP = Sought(image="app")
TENANTS = {"shop": ("anna",), "bank": ("ben",)}


@pytest.fixture
async def rig() -> Rig:
    return await Rig().ready()


class Letters:
    """An embedder that keeps every text that it was given."""

    name = "letters"

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def vectors(self, texts: Sequence[str]) -> list[Vector]:
        self.texts += texts
        return [(1.0, float(len(text))) for text in texts]


def memory(rig: Rig, **more: object) -> Memory:
    return Memory(rig.ledger, ExactIndex(), **more)  # type: ignore[arg-type]


async def ids(kept: Memory, sought: Sought = APP, **more: object) -> list[str]:
    found = await kept.similar(sought, **{"k": 20, **more})  # type: ignore[arg-type]
    return [item.id for item in found if not item.curated]


async def deployments(rig: Rig) -> list[Deployment]:
    return await rig.ledger.all(Deployment)


async def past(rig: Rig, id: str, by: Actor = ANNA, *changes: Change, **fields: object) -> Deployment:
    """A finished deployment that somebody asked for, as the twin holds it."""
    plan = replace(await rig.plan_workloads(app(f"w{id}")), changes=(), workloads=())
    own = replace(plan, id=PlanId(f"plan_{id}"), requested_by=by, changes=changes, version=0)
    record = Deployment(
        id=f"dep_{id}", service_name=f"w{id}", workload=app(f"w{id}"), image_name="app", image_tag="1", replicas=1,
        target_cluster=LOCAL, success=True, deployed_at=rig.clock.now(), outcome="succeeded", plan_id=own.id,
        execution_id=ExecutionId("exec_1"),
    )  # fmt: skip
    record = replace(record, **fields)  # type: ignore[arg-type]
    await rig.ledger.commit([Put(own), Put(record)], [AuditEntry(action="test.put", subject=id, actor=ANNA)])
    return record


class TestLearning:
    @pytest.mark.req("S5.13", "S5.32", "S5.41")
    async def test_a_finished_execution_is_an_example_with_its_outcome(self, rig: Rig) -> None:
        kept = memory(rig)
        assert await ids(kept) == []
        await rig.change_to(app("web", "app:1"))
        await rig.change("set image of web to app:bad")
        good, bad = await deployments(rig)
        found = {item.id: item for item in await kept.similar(APP, k=20)}
        assert (found[good.id].success, found[good.id].outcome) == (True, "succeeded")
        assert (found[bad.id].success, found[bad.id].outcome) == (False, "rolled_back")
        assert found[good.id].score > found[bad.id].score
        assert found[good.id].workload == good.workload
        assert "health check" in found[good.id].manifest_summary

    @pytest.mark.req("S5.41")
    async def test_a_kill_that_is_counted_later_is_seen_and_lowers_what_it_counts(self, rig: Rig) -> None:
        kept = memory(rig)
        await rig.change_to(app("web"))
        [before] = [item for item in await kept.similar(APP, k=20) if not item.curated]
        assert await count_oom(rig.ledger, resource_id(LOCAL, "container", "web-1"))
        [after] = [item for item in await kept.similar(APP, k=20) if not item.curated]
        assert (before.oom_events, after.oom_events) == (0, 1)
        assert after.score < before.score
        assert "ran out of memory" in after.manifest_summary

    async def test_where_nothing_was_deployed_the_curated_ones_teach(self, rig: Rig) -> None:
        found = await memory(rig).similar(Sought(image="postgres"), k=5, least=0.0)
        assert len(found) == 5
        assert found[0].id == "curated-db-ledger-db"
        assert all(item.curated for item in found)
        assert [item.score for item in found] == sorted((item.score for item in found), reverse=True)

    async def test_there_are_as_many_as_set_when_nobody_says_how_many(self, rig: Rig) -> None:
        for number in range(4):
            await past(rig, f"p{number}")
        assert len(await memory(rig, k=2).similar(APP)) == 2
        assert await memory(rig, k=0).similar(APP) == ()

    async def test_what_has_nothing_in_common_is_no_example_for_a_draft(self, rig: Rig) -> None:
        await past(rig, "a")
        assert [item.id for item in await memory(rig).similar(APP, k=20)] == ["dep_a"]
        assert await memory(rig).similar(Sought(image="zebra"), k=20) == ()

    async def test_one_service_does_not_fill_the_whole_answer(self, rig: Rig) -> None:
        for number in range(6):
            await past(rig, f"s{number}", service_name="web", workload=app("web"))
        await past(rig, "other")
        assert len(await ids(memory(rig))) == 3

    async def test_what_was_taken_down_is_no_example(self, rig: Rig) -> None:
        await past(rig, "gone", workload=None, replicas=0)
        assert await ids(memory(rig)) == []

    async def test_all_of_it_can_be_made_again_from_the_twin(self, rig: Rig) -> None:
        for number in range(3):
            await past(rig, f"p{number}")
        kept = memory(rig, embedder=Letters())
        before = await kept.similar(APP, words="web", k=20)
        assert await kept.rebuild() == 3 + 12
        assert await kept.similar(APP, words="web", k=20) == before
        assert await memory(rig, embedder=Letters()).similar(APP, words="web", k=20) == before

    @pytest.mark.proves("J1")
    async def test_no_value_of_a_variable_reaches_what_embeds(self, rig: Rig) -> None:
        secret = app("web", env={"API_KEY": "canary-5up3r"}, command=("run", "--token=canary-5up3r"))
        await past(rig, "a", workload=secret)
        embedder = Letters()
        await memory(rig, embedder=embedder).similar(APP, words="web")
        assert any("API_KEY" in text for text in embedder.texts)
        assert not any("canary-5up3r" in text for text in embedder.texts)


class TestTenants:
    @pytest.mark.proves("H8")
    async def test_neither_of_two_tenants_sees_what_the_other_deployed(self, rig: Rig) -> None:
        await past(rig, "a", ANNA)
        await past(rig, "b", BEN)
        kept = memory(rig, tenants=TENANTS)
        shop, bank = kept.tenant_of("anna"), kept.tenant_of("ben")
        assert (await ids(kept, tenant=shop), await ids(kept, tenant=bank)) == (["dep_a"], ["dep_b"])
        assert await ids(kept) == []

    @pytest.mark.proves("H8")
    async def test_what_a_poisoned_record_says_of_itself_moves_it_to_no_other_tenant(self, rig: Rig) -> None:
        await past(rig, "evil", BEN, service_name="wevil", workload=app("wevil", labels={"tenant": "shop"}))
        kept = memory(rig, tenants=TENANTS)
        assert await ids(kept, tenant="shop", words="tenant shop anna") == []

    async def test_an_agents_deployment_is_that_of_the_person_behind_it(self, rig: Rig) -> None:
        from tests.rig import ROBOT

        await past(rig, "r", ROBOT)
        assert await ids(memory(rig, tenants=TENANTS), tenant="shop") == ["dep_r"]

    async def test_without_tenants_the_hub_is_one_organisation(self, rig: Rig) -> None:
        await past(rig, "a", ANNA)
        await past(rig, "b", BEN)
        assert sorted(await ids(memory(rig))) == ["dep_a", "dep_b"]
        assert memory(rig).tenant_of(None) == SHARED


def privileged(name: str, image: str = "app:1", *, is_privileged: bool = True) -> Change:
    """The Deployment of manifests that somebody applied."""
    pod: dict[str, Json] = {
        "containers": [{"name": "main", "image": image, "securityContext": {"privileged": is_privileged}}]
    }
    manifest: dict[str, Json] = {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": pod},
        },
    }  # fmt: skip
    return Change(
        resource=resource_id(LOCAL, "deployment", name), target=LOCAL, kind="deployment", name=name, op=Op.CREATE,
        workload=name, after=manifest,
    )  # fmt: skip


async def quarantine_rows(rig: Rig) -> list[AuditRow]:
    return await rig.ledger.all(AuditRow, {"action": "example.quarantined"})


class TestQuarantine:
    @pytest.mark.proves("H3")
    async def test_a_privileged_pod_is_not_shown_and_it_is_told_what_it_was_and_who_asked_for_it(
        self, rig: Rig
    ) -> None:
        await past(rig, "evil", BEN, privileged("wevil"), workload=None)
        await past(rig, "good", ANNA, privileged("wgood", is_privileged=False), workload=None)
        kept = memory(rig)
        assert await ids(kept) == ["dep_good"]
        [entry] = await kept.quarantined()
        assert entry.id == "dep_evil"
        assert entry.reason.startswith("security/privileged: Deployment wevil")
        assert (entry.by, entry.requested_by, entry.plan_id) == (KEEPER, "ben", "plan_evil")
        assert (entry.service, entry.image, entry.target) == ("wevil", "app:1", "local")

    @pytest.mark.proves("H3")
    async def test_a_foreign_registry_is_kept_out_where_registries_are_set(self, rig: Rig) -> None:
        await past(rig, "evil", BEN, image_name="evil.example/app", workload=app("wevil", "evil.example/app:1"))
        await past(rig, "side", BEN, privileged("wside", "evil.example/x:1", is_privileged=False), workload=None)
        await past(rig, "good")
        kept = memory(rig, vetting=Vetting(registries=frozenset({"docker.io"})))
        assert await ids(kept) == ["dep_good"]
        told = {item.id: item.reason for item in await kept.quarantined()}
        assert told["dep_side"] == "registry/foreign: evil.example/x:1 comes from evil.example, which is not allowed"
        assert told["dep_evil"].startswith("registry/foreign: evil.example/app")
        assert await ids(kept, Sought(image="evil.example/app")) == ["dep_good"]

    async def test_it_is_put_there_once_and_another_hub_knows_it(self, rig: Rig) -> None:
        await past(rig, "evil", BEN, privileged("wevil"), workload=None)
        for _ in range(3):
            assert await ids(memory(rig)) == []
        assert len(await quarantine_rows(rig)) == 1

    async def test_a_person_quarantines_with_a_reason_and_it_is_audited(self, rig: Rig) -> None:
        await past(rig, "a")
        kept = memory(rig)
        entry = await kept.quarantine("dep_a", "  leaks connections ", ANNA)
        assert (entry.reason, entry.by, entry.at) == ("leaks connections", ANNA, rig.clock.now())
        assert await ids(kept) == []
        [row] = await quarantine_rows(rig)
        assert (row.subject, row.actor, row.reason, row.plan_id) == ("dep_a", ANNA, "leaks connections", "plan_a")

    async def test_a_curated_example_can_be_put_away_too(self, rig: Rig) -> None:
        kept = memory(rig)
        await kept.quarantine("curated-api-go", "we do not write Go", ANNA)
        assert len(await kept.curated()) == 11
        assert "curated-api-go" not in [item.id for item in await kept.similar(APP, k=20, least=0.0)]

    async def test_what_is_released_is_shown_again_also_against_the_policy(self, rig: Rig) -> None:
        await past(rig, "evil", BEN, privileged("wevil"), workload=None)
        kept = memory(rig)
        assert await ids(kept) == []
        await kept.release("dep_evil", "the node agent needs it", ANNA)
        assert await ids(kept) == ["dep_evil"]
        assert await ids(memory(rig)) == ["dep_evil"]
        await kept.quarantine("dep_evil", "after all not", ANNA)
        assert await ids(kept) == []

    async def test_what_is_not_there_or_has_no_reason_is_refused(self, rig: Rig) -> None:
        await past(rig, "a")
        kept = memory(rig)
        with pytest.raises(NotFound, match="dep_none"):
            await kept.quarantine("dep_none", "why", ANNA)
        with pytest.raises(InvalidInput) as wrong:
            await kept.quarantine("dep_a", "  ", ANNA)
        assert wrong.value.field == "reason"
        with pytest.raises(NotFound, match="not in quarantine"):
            await kept.release("dep_a", "why", ANNA)
        assert await quarantine_rows(rig) == []

    async def test_a_folder_of_the_machine_is_usual_on_an_engine_and_no_breach(self, rig: Rig) -> None:
        from opstwin.domain.workload import Mount, Port

        bound = app("wa", volumes=(Mount(path="/data", host_path="/srv/data"),), ports=(Port(container=80, host=8080),))
        await past(rig, "a", workload=bound)
        assert await ids(memory(rig)) == ["dep_a"]

    @pytest.mark.parametrize(
        ("image", "host"),
        [("nginx", "docker.io"), ("acme/app:1", "docker.io"), ("r.example.com/a/b", "r.example.com"),
         ("localhost/x", "localhost"), ("registry:5000/x", "registry:5000")],
    )  # fmt: skip
    def test_the_registry_of_an_image_is_told_as_engines_tell_it(self, image: str, host: str) -> None:
        assert host_of(image) == host


async def test_newer_deployments_are_taken_in_and_older_ones_stay(rig: Rig) -> None:
    kept = memory(rig)
    for number in range(4):
        rig.clock.advance(timedelta(hours=1).total_seconds())
        await past(rig, f"n{number}")
        assert len(await ids(kept)) == number + 1
    assert await rig.ledger.all(Plan)
