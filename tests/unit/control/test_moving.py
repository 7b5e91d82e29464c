"""Plans that bring to one target what is on another."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opstwin.clock import VirtualClock
from opstwin.control.elsewhere import COMPOSE_LABEL, elsewhere
from opstwin.control.ids import SeededIds
from opstwin.control.ledger import Ledger
from opstwin.domain.ask import Action, Ask
from opstwin.domain.audit import AuditEntry
from opstwin.domain.plan import Change, Op, Plan
from opstwin.domain.resource import WorkloadRecord
from opstwin.domain.target import Target
from opstwin.domain.values import Spec, TargetId, resource_id
from opstwin.domain.workload import Autoscale, Mount, Workload
from opstwin.errors import InvalidInput, NotFound, RequestError, Unclear
from opstwin.intent.compose import read_compose
from opstwin.intent.words import read_request
from opstwin.targets.ports import Facts, Preview, Previewer, Rendered
from opstwin.twin.memory import MemoryStore
from opstwin.twin.store import Put
from tests.unit.control.planning_bench import ANNA, Bench, container, ops, published, web
from tests.unit.targets.kubernetes.clusters import cluster

SHOP = """
name: shop
services:
  api:
    image: registry.example.com/shop/api:2.4
    ports: ["8080:80"]
    environment: {LOG_LEVEL: info}
    restart: unless-stopped
    depends_on: [db]
  db:
    image: postgres:16
    restart: unless-stopped
    volumes: ["data:/var/lib/postgresql/data"]
volumes: {data: {}}
"""


async def say(bench: Bench, words: str) -> Plan:
    """The plan for a sentence."""
    return await bench.planner.from_ask(read_request(words), request=words, actor=ANNA)


async def refused(bench: Bench, words: str) -> RequestError:
    """Why there is no plan for a sentence."""
    with pytest.raises(RequestError) as refusal:
        await say(bench, words)
    return refusal.value


def left(plan: Plan) -> dict[str, Workload | None]:
    """The workloads that a plan leaves behind, by name."""
    return {item.name: item.workload for item in plan.workloads}


def told(plan: Plan) -> str:
    """All notes as one text."""
    return "\n".join(plan.notes)


def record(workload: Workload, target: str = "local") -> WorkloadRecord:
    """What the twin holds of a workload."""
    return WorkloadRecord(
        id=resource_id(TargetId(target), "workload", workload.name), target=TargetId(target), name=workload.name,
        workload=workload, set_by=ANNA, set_at=VirtualClock().now(),
    )  # fmt: skip


@dataclass(frozen=True)
class Agreeing:
    """A cluster that takes every change."""

    inner: Previewer

    async def placed(self, manifests: Sequence[Spec]) -> Sequence[Rendered]:
        return await self.inner.placed(manifests)

    async def facts(self) -> Facts:
        return await self.inner.facts()

    async def preview(self, changes: Sequence[Change]) -> Sequence[Preview]:
        return [Preview(resource=item.resource) for item in changes]


@pytest.fixture
async def bench() -> Bench:
    """With the engines `local`, the default, and `prod`."""
    ready = await Bench().ready()
    await ready.target("prod")
    ready.places.worlds["prod"].image("app:1", exposed=(80,))
    return ready


@pytest.fixture
async def clustered(tmp_path: Path) -> AsyncIterator[Bench]:
    """With the engine `local` and the cluster `prod`, a simulated one behind the real driver."""
    async with cluster(tmp_path) as there:
        bench = await Bench().ready()
        bench.places.drivers["prod"] = there.driver
        await bench.put(
            Target(
                id=TargetId("prod"), display_name="Production", backend_type="kubernetes",
                agent_endpoint=f"kubeconfig://{there.kubeconfig}", created_at=bench.clock.now(),
            )
        )  # fmt: skip
        await bench.observer.discover("prod")
        yield bench


@pytest.fixture
async def shop(clustered: Bench) -> Bench:
    """With the Compose project `shop` on `local`, and a cluster that takes every change."""
    there = clustered.places.drivers["prod"]
    assert there.previewer is not None
    clustered.places.drivers["prod"] = replace(there, previewer=Agreeing(there.previewer))
    for workload in read_compose(SHOP):
        await clustered.put(record(workload))
    return clustered


async def test_a_moved_workload_is_planned_as_it_is_and_nothing_is_taken_away(bench: Bench) -> None:
    there = web(
        2, ports=published(8080), env={"A": "1"}, secret_env={"TOKEN": "env:TOKEN"}, labels={"team": "shop"},
        volumes=(Mount(path="/data", volume="data"), Mount(path="/etc/web", host_path="/srv/web", read_only=True)),
    )  # fmt: skip
    await bench.deployed(there)
    plan = await say(bench, "move web to prod")
    assert plan.target == "prod"
    assert {item.resource.split("/")[0] for item in plan.changes} == {"prod"}
    assert ops(plan) == {"volume/data": "create", "web-1": "create", "web-2": "create"}
    assert left(plan) == {"web": there}
    assert 'opstwin plan "delete web" --target local' in told(plan)
    assert "data of data is not moved" in told(plan)
    assert "/srv/web is a folder of local" in told(plan)
    await bench.carry_out(plan)
    assert set(bench.world.containers()) == set(bench.places.worlds["prod"].containers())
    assert "opstwin plan" not in told(await say(bench, "copy web to prod"))


async def test_what_a_move_says_to_do_next_takes_the_workload_away_at_its_source(bench: Bench) -> None:
    await bench.deployed(web(1))
    await bench.carry_out(await say(bench, "move web to prod"))
    gone = await say(bench, "delete web on local")
    assert {item.resource: item.op for item in gone.changes} == {container("web-1"): Op.DELETE}


async def test_a_workload_that_is_there_already_is_made_what_its_source_is_and_that_is_said(bench: Bench) -> None:
    await bench.deployed(web(1))
    await bench.deployed(web(3), target="prod")
    plan = await say(bench, "copy web from local to prod")
    assert ops(plan) == {"web-2": "delete", "web-3": "delete"}
    assert "web is on prod already" in told(plan)
    korean = await say(bench, "local에서 web을 prod로 복사해줘")
    assert "web은(는) 이미 prod에 있습니다" in told(korean)


async def test_nothing_is_moved_to_a_target_that_is_not_named(bench: Bench) -> None:
    await bench.deployed(web(1), target="prod")
    error = await refused(bench, "move web")
    assert isinstance(error, Unclear)
    assert (error.details["missing"], error.details["choices"]) == (["target"], ["local", "prod"])


async def test_from_where_is_asked_when_several_targets_have_it(bench: Bench) -> None:
    await bench.target("edge")
    await bench.put(record(web(1)))
    await bench.put(record(web(2), "edge"))
    error = await refused(bench, "move web to prod")
    assert isinstance(error, Unclear)
    assert error.details["choices"] == ["move web from edge to prod", "move web from local to prod"]
    assert left(await say(bench, "move web from edge to prod"))["web"] == web(2)


@pytest.mark.parametrize(
    ("words", "kind", "next_step"),
    [
        ("move wbe to prod", NotFound, "Did you mean web?"),
        ("move web from edge to prod", NotFound, "Say from which target: local"),
        ("move web to local", InvalidInput, "Name another target"),
        ("move web from local to local", InvalidInput, "Name another target"),
        ("move web to edge", NotFound, "local, prod"),
        ("move legacy to prod", NotFound, "opstwin adopt local/container/legacy"),
        ("move the compose app to prod", NotFound, "opstwin get"),
        ("move the compose app blog to prod", NotFound, "opstwin adopt local/container/blog-1 (and 1 more)"),
    ],
)
async def test_what_cannot_be_found_is_refused_with_what_to_say(
    bench: Bench, words: str, kind: type[RequestError], next_step: str
) -> None:
    await bench.put(record(web(1)))
    bench.world.run("legacy", "app:1")
    if "blog" in words:
        for name in ("blog-1", "blog-2"):
            bench.world.run(name, "app:1", labels={COMPOSE_LABEL: "blog"})
    await bench.observer.discover("local")
    error = await refused(bench, words)
    assert isinstance(error, kind)
    assert next_step in error.next_step


async def test_what_it_needs_comes_first_or_with_it(bench: Bench) -> None:
    await bench.put(record(web(1, name="db")))
    await bench.put(record(web(1, needs=("db",))))
    error = await refused(bench, "move web to prod")
    assert (error.next_step, error.details["needs"]) == (
        'Bring it there first: opstwin plan "copy db to prod"', "db",
    )  # fmt: skip
    await bench.carry_out(await say(bench, "copy db to prod"))
    assert ops(await say(bench, "move web to prod")) == {"web-1": "create"}


async def test_a_compose_app_is_moved_as_a_whole_and_its_parts_are_taken_away_last_first(bench: Bench) -> None:
    await bench.put(record(web(1, name="db", project="shop")))
    await bench.put(record(web(1, name="api", needs=("db",), project="shop")))
    await bench.put(record(web(1, name="blog", labels={COMPOSE_LABEL: "press"})))
    await bench.put(record(web(1, name="alone")))
    plan = await say(bench, "move the compose app shop to prod")
    assert ops(plan) == {"db-1": "create", "api-1": "create"}
    assert told(plan).index('"delete api" --target local') < told(plan).index('"delete db" --target local')
    assert ops(await say(bench, "move the press compose app to prod")) == {"blog-1": "create"}
    error = await refused(bench, "move the compose app to prod")
    assert isinstance(error, Unclear)
    assert error.details["choices"] == [
        "move the compose app press from local to prod", "move the compose app shop from local to prod",
    ]  # fmt: skip
    for choice in error.details["choices"]:
        assert read_request(str(choice)).whole_project


async def test_the_only_compose_app_needs_no_name(bench: Bench) -> None:
    await bench.put(record(web(1, name="db", project="shop")))
    await bench.put(record(web(1)))
    assert ops(await say(bench, "컴포즈 앱을 prod로 옮겨줘")) == {"db-1": "create"}


async def test_scaling_by_use_is_refused_where_containers_stand_on_an_engine(bench: Bench) -> None:
    await bench.put(record(web(1, project="shop")))
    for words in ("move web to prod with autoscaling", "move the compose app to prod with autoscaling"):
        error = await refused(bench, words)
        assert (error.field, "Kubernetes" in error.next_step) == ("autoscale", True)  # type: ignore[attr-defined]


async def test_a_compose_app_becomes_manifests_and_what_means_something_else_is_told(shop: Bench) -> None:
    plan = await say(shop, "move the compose app to prod with autoscaling between 2 and 6")
    made = {f"{item.kind}/{item.name}" for item in plan.changes if item.op is Op.CREATE}
    assert {
        "deployment/default/api", "service/default/api", "horizontalpodautoscaler/default/api",
        "statefulset/default/db", "service/default/db",
    } <= made  # fmt: skip
    assert "horizontalpodautoscaler/default/db" not in made
    assert left(plan)["api"].autoscale == Autoscale(minimum=2, maximum=6)  # type: ignore[union-attr]
    assert left(plan)["db"].autoscale is None  # type: ignore[union-attr]
    for note in (
        "db keeps its number of replicas: A StatefulSet is not scaled by use.",
        "api: Port 8080 is reached inside the cluster only.",
        "api: All pods share one network; shop-default no longer keeps others out.",
        "api: Kubernetes starts everything at once",
        "The data of shop-data is not moved",
        'opstwin plan "delete api" --target local, opstwin plan "delete db" --target local',
    ):
        assert note in told(plan)


async def test_a_claim_and_a_reference_stand_for_a_volume_and_a_secret(shop: Bench) -> None:
    await shop.put(record(web(1, volumes=(Mount(path="/up", volume="up"),), secret_env={"TOKEN": "env:TOKEN"})))
    plan = await say(shop, "web을 prod로 옮겨줘")
    kinds = {item.kind: item for item in plan.changes}
    assert "persistentvolumeclaim" in kinds
    assert "env:TOKEN" in str(kinds["secret"].after)
    assert "up의 데이터는 옮기지 않습니다" in told(plan)


async def test_a_folder_of_the_host_is_never_left_behind_in_silence(shop: Bench) -> None:
    await shop.put(record(web(1, volumes=(Mount(path="/etc/web", host_path="/srv/web"),))))
    error = await refused(shop, "move web to prod")
    assert isinstance(error, InvalidInput)
    assert (error.field, "/srv/web" in error.message) == ("volumes.host_path", True)


async def test_a_single_workload_that_cannot_scale_by_its_use_is_refused(shop: Bench) -> None:
    error = await refused(shop, "move db to prod with autoscaling")
    assert isinstance(error, InvalidInput)
    assert (error.field, error.message) == ("autoscale", "A StatefulSet is not scaled by use.")


async def test_a_deployed_workload_scales_by_its_use_until_that_is_stopped(clustered: Bench) -> None:
    deploy = await say(clustered, "deploy nginx:1.27 as web on prod with autoscaling between 2 and 6 on port 80:80")
    assert any(item.kind == "horizontalpodautoscaler" for item in deploy.changes)
    workload = left(deploy)["web"]
    assert workload is not None
    await clustered.put(record(workload, "prod"))
    more = await say(clustered, "autoscale web at 80% cpu on prod")
    assert left(more)["web"].autoscale == Autoscale(minimum=2, maximum=6, cpu_percent=80)  # type: ignore[union-attr]
    fixed = await say(clustered, "stop autoscaling web on prod")
    assert (left(fixed)["web"].autoscale, left(fixed)["web"].replicas) == (None, 2)  # type: ignore[union-attr]
    assert "has 2 replica(s)" in told(fixed)
    assert "stop autoscaling web" in told(await say(clustered, "scale web to 5 on prod"))


async def test_stopping_never_leaves_fewer_replicas_than_there_were_at_least(bench: Bench) -> None:
    await bench.put(record(web(1, autoscale=Autoscale(minimum=3))))
    plan = await say(bench, "stop autoscaling web")
    assert left(plan)["web"] == web(3)


async def test_bounds_that_do_not_go_with_those_that_are_there_are_refused(bench: Bench) -> None:
    await bench.put(record(web(1, autoscale=Autoscale(minimum=2, maximum=3))))
    error = await refused(bench, "autoscale web at least 5")
    assert isinstance(error, InvalidInput)
    assert error.field == "autoscale.maximum"


NAMES = st.sampled_from(["web", "api", "db", "shop", "blog"])
PLACES = st.sampled_from(["local", "edge", "prod"])
KNOWN = st.dictionaries(st.tuples(PLACES, NAMES), st.sampled_from(["", "shop", "blog"]), max_size=8)


@settings(deadline=None, max_examples=200)
@given(KNOWN, NAMES | st.just(""), st.none() | PLACES, st.booleans())
async def test_what_is_found_elsewhere_is_all_that_is_meant_and_from_one_target_or_it_is_refused(
    known: dict[tuple[str, str], str], name: str, source: str | None, whole: bool
) -> None:
    ledger = Ledger(MemoryStore(), VirtualClock(), SeededIds(0))
    targets = [
        Target(
            id=TargetId(place), display_name=place, backend_type="sim", agent_endpoint=f"sim://{place}",
            created_at=VirtualClock().now(),
        )
        for place in ("local", "edge", "prod")
    ]  # fmt: skip
    records = [record(web(1, name=item, project=project), place) for (place, item), project in known.items()]
    puts = [*map(Put, targets), *map(Put, records)]
    await ledger.commit(puts, [AuditEntry(action="test.put", subject="all", actor=ANNA)])
    ask = Ask(
        action=Action.MOVE, name=name if whole else name or "web", target="prod", source=source, whole_project=whole
    )
    fits = {
        (place, project if whole else item)
        for (place, item), project in known.items()
        if place != "prod" and source in (None, place) and (project if whole else item)
        and ask.name in ("", project if whole else item)
    }  # fmt: skip
    try:
        found = await elsewhere(ledger, ask, TargetId("prod"))
    except Unclear:
        assert len(fits) > 1
        return
    except (NotFound, InvalidInput):
        assert not fits
        return
    [(place, meant)] = fits
    expected = {item for (at, item), project in known.items() if at == place and meant == (project if whole else item)}
    assert (found.source, {item.name for item in found.workloads}) == (place, expected)
