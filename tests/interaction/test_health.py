"""Health, readiness, metrics and logs."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from opstwin import logs
from opstwin.agent.models.scripted_server import ScriptedServer
from opstwin.agent.models.scripted_server import serving as scripted
from opstwin.domain.audit import AuditRow
from opstwin.domain.target import Target
from opstwin.domain.values import TargetId
from opstwin.errors import StoreError
from opstwin.server.health import FAR_FRESH_S
from opstwin.targets.ports import Driver
from opstwin.targets.secrets import HubSecrets
from opstwin.targets.sim.faults import Fault, FaultKind
from opstwin.targets.sim.kube.serving import serving as serving_cluster
from opstwin.targets.sim.kube.world import KubeWorld
from opstwin.twin.memory import MemoryStore
from opstwin.twin.store import Commit, Receipt
from opstwin.wiring.drivers import DriverPool
from opstwin.wiring.hub import no_calls
from tests.interaction.asgi import Wire, send
from tests.interaction.house import API, HUB, House
from tests.registry_stub import Stub
from tests.registry_stub import serving as serving_registry

Log = Callable[[str], io.StringIO]


@pytest.fixture
def log() -> Iterator[Log]:
    """Begins to keep the log, at a level."""

    def begin(level: str) -> io.StringIO:
        out = io.StringIO()
        logs.configure_logs(level, "json", out)
        return out

    yield begin
    structlog.reset_defaults()


class Disk(MemoryStore):
    """A twin whose disk can be full, or gone."""

    full = False
    gone = False
    edited = False

    async def commit(self, commit: Commit) -> Receipt:
        if self.full and (commit.writes or commit.audit or commit.events):
            raise StoreError("The disk is full.", next_step="Make room.")
        return await super().commit(commit)

    async def get(self, kind, id):  # type: ignore[no-untyped-def]
        if self.gone:
            raise StoreError("The database is gone.")
        return await super().get(kind, id)

    async def find(self, query):  # type: ignore[no-untyped-def]
        if self.gone:
            raise StoreError("The database is gone.")
        page = await super().find(query)
        if self.edited and query.kind is AuditRow:
            return replace(page, items=tuple(replace(row, reason="edited") for row in page.items))
        return page


@pytest.fixture
async def disk(tmp_path: Path) -> House:
    return await House(tmp_path, store=Disk()).furnish()


async def ready(house: House) -> tuple[int, dict[str, str]]:
    house.clock.advance(10)
    answer = await send(house.app, Wire("/ready"))
    return answer.status, answer.json().get("down", {})


@pytest.mark.req("S5.109")
async def test_a_hub_with_everything_up_is_ready(house: House) -> None:
    assert await ready(house) == (200, {})


@pytest.mark.req("S5.109")
async def test_a_target_that_is_away_makes_the_hub_not_ready_and_is_named(house: House) -> None:
    fault = house.world.faults.add(Fault(kind=FaultKind.UNREACHABLE, call="info", times=None))
    status, down = await ready(house)
    assert status == 503
    assert list(down) == ["target local"]
    house.world.faults.remove(fault)
    assert await ready(house) == (200, {})


@pytest.mark.req("S5.109")
async def test_a_full_disk_makes_the_hub_not_ready_while_reads_go_on(disk: House) -> None:
    assert isinstance(disk.store, Disk)
    disk.store.full = True
    status, down = await ready(disk)
    assert (status, down) == (503, {"store": "The disk is full."})
    async with disk.caller() as client:
        assert (await client.get("/resources")).status_code == 200
        refused = await client.post("/plans", {"words": "deploy app:1 as web"})
    assert refused.status_code == 503
    assert refused.json()["code"] == "store_unavailable"
    disk.store.full = False
    assert await ready(disk) == (200, {})


async def test_on_a_full_disk_what_only_reads_goes_on_and_who_may_not_is_still_refused(disk: House) -> None:
    assert isinstance(disk.store, Disk)
    disk.store.full = True
    async with disk.caller("viewer") as viewer, disk.caller() as owner:
        assert (await viewer.post("/audit:verify", Idempotency_Key="k")).status_code == 200
        assert (await viewer.post("/targets/local:test", Idempotency_Key="k")).status_code == 200
        assert (await viewer.post("/plans", {"words": "deploy app:1 as web"})).status_code == 403
        assert (await owner.post("/plans", {"words": "x"}, Idempotency_Key="k")).status_code == 503
    assert not disk.effects


@pytest.mark.req("S5.109")
async def test_an_edited_audit_makes_the_hub_not_ready(disk: House) -> None:
    assert isinstance(disk.store, Disk)
    disk.store.edited = True
    status, down = await ready(disk)
    assert status == 503
    assert "audit" in down


@pytest.mark.req("S5.108")
async def test_health_is_200_with_everything_down(disk: House) -> None:
    assert isinstance(disk.store, Disk)
    disk.store.gone = disk.store.full = True
    disk.world.faults.add(Fault(kind=FaultKind.UNREACHABLE, call="*", times=None))
    answer = await send(disk.app, Wire("/health"))
    assert answer.status == 200
    assert answer.json()["status"] == "ok"
    assert (await ready(disk))[0] == 503


@pytest.mark.req("S5.109")
@pytest.mark.proves("A5")
async def test_a_hub_that_has_not_taken_up_what_was_interrupted_is_not_ready_and_says_why(house: House) -> None:
    house.services.recovery.look(["exec_1"])
    status, down = await ready(house)
    assert status == 503
    assert list(down) == ["recovery"]
    assert "exec_1" in down["recovery"]
    assert (await send(house.app, Wire("/health"))).status == 200
    house.services.recovery.taken_up("exec_1")
    assert await ready(house) == (200, {})


@asynccontextmanager
async def with_model(folder: Path) -> AsyncIterator[tuple[House, Callable[[], Awaitable[None]]]]:
    """A house whose language model is a scripted server, and what stops that server."""
    async with AsyncExitStack() as server:
        url = await server.enter_async_context(scripted(ScriptedServer()))
        provider = {"kind": "compatible", "model": "m", "base_url": f"{url}/v1"}
        yield House(folder, settings={"models": {"providers": {"lab": provider}}}), server.aclose


@pytest.mark.req("S5.109", "S5.19")
async def test_a_language_model_that_is_away_makes_the_hub_not_ready_as_ai(tmp_path: Path) -> None:
    async with with_model(tmp_path) as (house, stop):
        await house.furnish()
        assert await ready(house) == (200, {})
        await stop()
        assert await ready(house) == (200, {}), "a provider is not asked at every look"
        house.clock.advance(FAR_FRESH_S)
        status, down = await ready(house)
        assert (status, list(down)) == (503, ["ai"])
        assert "lab" in down["ai"]


@pytest.mark.req("S5.109", "S5.19")
async def test_engine_and_cluster_are_looked_at_each_by_itself(house: House) -> None:
    pool = DriverPool(clock=house.clock, secrets=HubSecrets({}, house.folder), stop_grace_s=1, on_call=no_calls)
    async with AsyncExitStack() as closing:
        closing.push_async_callback(pool.close)
        cluster = await closing.enter_async_context(AsyncExitStack())
        served = await cluster.enter_async_context(serving_cluster(KubeWorld(house.clock, "1.33"), token=True))
        ends = (
            ("prod", "kubernetes", f"kubeconfig://{served.write_kubeconfig(house.folder / 'kubeconfig')}"),
            ("engine", "docker", f"unix://{house.folder / 'docker.sock'}"),
        )
        for name, backend, endpoint in ends:
            target = Target(
                id=TargetId(name), display_name=name, backend_type=backend, agent_endpoint=endpoint,
                created_at=house.clock.now(),
            )  # fmt: skip
            driver = Driver(reader=pool.reader(target), renderer=pool.renderer(target), writer=pool.writer(target))
            house.places.drivers[name] = driver
            fields = {"id": name, "display_name": name, "backend_type": backend, "agent_endpoint": endpoint}
            await house.services.places.add(fields, HUB)
        async with asyncio.timeout(60):
            # The first call loads the driver, which a busy machine may not do within the time of one look.
            while list((await ready(house))[1]) != ["target engine"]:
                await asyncio.sleep(0)
        await cluster.aclose()
        status, down = await ready(house)
        assert (status, sorted(down)) == (503, ["target engine", "target prod"])
        assert down["target engine"] != down["target prod"]


async def test_a_registry_that_is_away_is_told_and_the_hub_is_ready_all_the_same(house: House) -> None:
    stub = Stub("plain")
    async with serving_registry(stub):
        lines = f"registries:\n- host: {stub.host}\n  insecure: true\n- host: 127.0.0.1:1\n  insecure: true\n"
        (house.folder / "registries.yaml").write_text(lines)
        house.clock.advance(FAR_FRESH_S)
        answer = await send(house.app, Wire("/ready"))
    assert (answer.status, answer.json()["status"]) == (200, "ready")
    assert list(answer.json()["limited"]) == ["registry 127.0.0.1:1"]
    (house.folder / "registries.yaml").write_text("registries: 5\n")
    house.clock.advance(FAR_FRESH_S)
    answer = await send(house.app, Wire("/ready"))
    assert (answer.status, list(answer.json()["limited"])) == (200, ["registries"])


async def test_asking_whether_it_is_ready_again_and_again_does_not_keep_targets_busy(house: House) -> None:
    house.clock.advance(10)
    house.world.faults.add(Fault(kind=FaultKind.UNREACHABLE, call="info", times=None))
    for _ in range(50):
        await send(house.app, Wire("/ready"))
    assert len(house.world.faults.struck) == 1


async def metrics(house: House) -> list[str]:
    async with house.caller() as client:
        answer = await client.http.get("/metrics")
    assert answer.status_code == 200
    return answer.text.splitlines()


@pytest.mark.req("S5.103")
async def test_the_time_to_answer_is_measured_by_route(house: House) -> None:
    async with house.caller() as client:
        await client.get("/plans/plan_0000000000")
        await client.get("/plans/plan_1111111111")
        await client.http.get("/nothing/at/all")
    lines = await metrics(house)
    wanted = 'http_request_duration_seconds_count{method="GET",route="/api/v1/plans/{id}",status="404"} 2.0'
    assert wanted in lines
    assert any('route="unmatched",status="404"' in line for line in lines)
    assert not any("plan_0000000000" in line for line in lines)


@pytest.mark.req("S5.103")
async def test_what_takes_long_is_measured_as_long(house: House) -> None:
    house.world.latency_s = 1.5
    async with house.caller() as client:
        assert (await client.post("/targets/local:discover")).status_code == 200
    summed = 'http_request_duration_seconds_sum{method="POST",route="/api/v1/targets/{id}:discover",status="200"} '
    [took] = [line.removeprefix(summed) for line in await metrics(house) if line.startswith(summed)]
    assert float(took) >= 1.5


async def test_no_caller_can_make_new_series(house: House) -> None:
    before = len(await metrics(house))
    async with house.caller() as client:
        for number in range(50):
            await client.http.request(f"M{number}", f"/{number}")
            await client.get(f"/plans/plan_{number}", **{f"q{number}": "1"})
    after = len(await metrics(house))
    assert after - before < 90


@pytest.mark.req("S5.104")
async def test_calls_to_targets_are_counted_by_backend(house: House) -> None:
    house.instruments.on_call("docker", "containers.list", "ok")
    house.instruments.on_call("docker", "containers.list", "ok")
    house.instruments.on_call("kubernetes", "pods.list", "unreachable")
    lines = await metrics(house)
    assert 'docker_api_calls_total{operation="containers.list",outcome="ok"} 2.0' in lines
    assert 'k8s_api_calls_total{operation="pods.list",outcome="unreachable"} 1.0' in lines


@pytest.mark.req("S5.104")
async def test_calls_to_a_cluster_are_counted_as_the_hub_makes_them(house: House) -> None:
    counting = house.instruments.on_call
    pool = DriverPool(clock=house.clock, secrets=HubSecrets({}, house.folder), stop_grace_s=1, on_call=counting)
    async with AsyncExitStack() as closing:
        closing.push_async_callback(pool.close)
        served = await closing.enter_async_context(serving_cluster(KubeWorld(house.clock, "1.33"), token=True))
        target = Target(
            id=TargetId("prod"), display_name="Production", backend_type="kubernetes", created_at=house.clock.now(),
            agent_endpoint=f"kubeconfig://{served.write_kubeconfig(house.folder / 'kubeconfig')}",
        )  # fmt: skip
        await pool.reader(target).info()
        counted = [line.split(" ")[0] for line in await metrics(house)]
    assert 'k8s_api_calls_total{operation="get",outcome="ok"}' in counted


@pytest.mark.req("S5.106")
async def test_deployments_are_counted_by_how_they_ended(house: House) -> None:
    async with house.caller() as client:
        for image in ("app:1", "app:bad"):
            check = {"command": ["/check"], "interval_s": 1, "timeout_s": 1, "retries": 2}
            file = json.dumps({"name": "web", "image": image, "health": check})
            plan = (await client.post("/plans", {"file": file})).json()
            body = {"decision": "approve", "digest": plan["digest"]}
            assert (await client.post(f"/plans/{plan['id']}:decide", body)).status_code == 200
            assert (await client.post(f"/plans/{plan['id']}:apply")).status_code == 202
            await house.work()
            await house.services.observer.discover("local")
    for _ in range(2):
        lines = await metrics(house)
        assert 'deployments_total{result="success"} 1.0' in lines
        assert 'deployments_total{result="rolled_back"} 1.0' in lines
        assert 'opstwin_plans_total{state="applied"} 1.0' in lines


async def test_drift_and_breakers_are_shown(house: House) -> None:
    async with house.caller() as client:
        plan = await client.approved()
        await client.post(f"/plans/{plan['id']}:apply")
        await house.work()
        house.world.remove("web-1")
        await client.post("/targets/local:discover")
    house.clock.advance(60)
    for _ in range(5):
        house.services.breakers.record("local", ok=False)  # type: ignore[arg-type]
    lines = await metrics(house)
    assert 'opstwin_drift_resources{target="local"} 1.0' in lines
    assert 'opstwin_breaker_state{target="local"} 2.0' in lines


@pytest.mark.req("S5.100", "S5.102")
async def test_each_request_is_one_line_of_json_with_who_and_what(house: House, log: Log) -> None:
    out = log("INFO")
    async with house.caller("operator", **{"X-Request-Id": "req-12345678"}) as client:
        plan = await client.approved()
        started = await client.post(f"/plans/{plan['id']}:apply")
        await client.get(f"/executions/{started.json()['id']}")
        refused = await client.post("/people", {"id": "x", "display_name": "X"})
    rows = [json.loads(line) for line in out.getvalue().splitlines()]
    requests = [row for row in rows if row["event"] == "request"]
    assert all(row["request_id"] == "req-12345678" for row in requests)
    assert all(row["user_id"] == "operator" and row["actor"] == "person:operator" for row in requests)
    assert [row["plan_id"] for row in requests if "plan_id" in row] == [plan["id"], plan["id"]]
    assert [row["execution_id"] for row in requests if "execution_id" in row] == [started.json()["id"]]
    assert requests[-1]["status"] == refused.status_code == 403
    assert refused.json()["request_id"] == "req-12345678" == refused.headers["X-Request-Id"]
    assert house.tokens["operator"] not in out.getvalue()


@pytest.mark.req("S5.101")
@pytest.mark.parametrize(("level", "shown"), [("DEBUG", 2), ("INFO", 1), ("WARN", 0), ("ERROR", 0)])
async def test_the_log_level_is_honoured(house: House, log: Log, level: str, shown: int) -> None:
    out = log(level)
    async with house.caller() as client:
        await client.get("/hub")
        await client.http.get("/metrics")
    assert len(out.getvalue().splitlines()) == shown


@pytest.mark.parametrize("given", ["a b", "x" * 65, "short", 'a"b}{12345', "a\nb12345678"])
async def test_a_request_id_that_could_forge_a_log_line_is_replaced(house: House, given: str) -> None:
    answer = await send(house.app, Wire("/health", headers={"x-request-id": given}))
    assert answer.headers["x-request-id"].startswith("req_")


async def test_the_login_code_is_not_in_the_log(house: House, log: Log) -> None:
    out = log("DEBUG")
    code = await house.services.people.login_code(
        "owner", house.services.approver and __import__("tests.interaction.house", fromlist=["HUB"]).HUB
    )
    await send(house.app, Wire("/login", query=f"code={code.secret}"))
    assert code.secret not in out.getvalue()


async def test_a_fault_of_ours_is_logged_with_its_trace_and_told_without_it(tmp_path: Path, log: Log) -> None:
    from opstwin.domain.access import Scope
    from opstwin.tools.fields import Nothing
    from opstwin.tools.registry import Effect, Registry, Route, Tool

    async def broken(_services: object, _caller: object, _ask: Nothing) -> dict[str, str]:
        raise KeyError("secret detail")

    tool = Tool(
        name="broken_tool", title="x", purpose="x", effect=Effect.READ, scope=Scope.READ, input=Nothing,
        output=dict[str, str], handler=broken, route=Route(method="GET", path="/broken"),
    )  # fmt: skip
    house = await House(tmp_path, registry=Registry([tool])).furnish()
    out = log("INFO")
    async with house.caller() as client:
        answer = await client.get("/broken")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert answer.json()["request_id"] in answer.json()["next_step"]
    assert "secret detail" in out.getvalue()


async def test_the_twin_and_the_components_can_be_read_whole(house: House) -> None:
    async with house.caller() as client:
        twin = (await client.get("/twin")).json()
        components = (await client.get("/components")).json()
        described = (await client.http.get("/openapi.json")).json()
    assert twin["resources"]
    assert components["reconciler"]
    assert components["provisioner"]
    assert described["openapi"].startswith("3.")
    assert API in next(iter(described["paths"]))
