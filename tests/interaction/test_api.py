"""What the API does: desired state under compare-and-set, lists in pages, targets, people, plans of every origin."""

import json
from typing import Any

import pytest

from opstwin.domain.resource import Desired, Observed
from tests.interaction.house import API, Client, House

WEB = "/resources/local/container/web-1"


async def running(house: House, client: Client, file: dict[str, Any] | None = None) -> None:
    """A workload that was applied, as the ground for a test."""
    asked = {"file": json.dumps(file)} if file else {"words": "deploy app:1 as web with 2 replicas"}
    plan = (await client.post("/plans", asked)).json()
    decided = await client.post(f"/plans/{plan['id']}:decide", {"decision": "approve", "digest": plan["digest"]})
    assert decided.status_code == 200, decided.text
    started = await client.post(f"/plans/{plan['id']}:apply")
    assert started.status_code == 202, started.text
    await house.work()
    await house.services.observer.discover("local")


@pytest.mark.req("S1.14")
async def test_the_twin_is_read_as_data_and_handlers_start_no_process(house: House) -> None:
    async with house.caller("viewer") as client:
        twin = (await client.get("/twin")).json()
    assert {item["id"] for item in twin["targets"]} == {"local"}
    assert twin["resources"]
    assert twin["counts"]["kind"]
    from pathlib import Path

    import opstwin.server
    import opstwin.tools

    for package in (opstwin.server, opstwin.tools):
        for file in Path(package.__path__[0]).rglob("*.py"):
            text = file.read_text(encoding="utf-8")
            assert not [way for way in ("subprocess", "os.system", "popen", "os.exec", "os.spawn") if way in text], file


@pytest.mark.req("S1.15", "S1.23")
async def test_setting_what_should_be_is_accepted_and_lands_without_a_further_call(house: House) -> None:
    async with house.caller() as client:
        await running(house, client)
        mode = {"mode": "heal", "reason": "keep it as I set it", "expires_in_s": 3600}
        assert (await client.post("/targets/local:mode", mode)).status_code == 200
        shown = await client.get(WEB)
        spec = {**shown.json()["desired"]["spec"], "memory_bytes": 64 * 2**20}
        put = await client.put(f"{WEB}/desired", {"spec": spec}, If_Match=shown.headers["ETag"])
        assert put.status_code == 202, put.text
        assert put.headers["ETag"] == '"2"'
        assert put.json()["drift"]["kind"] == "changed"
        await house.services.reconciler.tick()
        after = (await client.get(WEB)).json()
    assert after["drift"] is None
    assert after["observed"]["spec"]["memory_bytes"] == 64 * 2**20
    assert house.world.containers()["web-1"].spec["memory_bytes"] == 64 * 2**20


@pytest.mark.proves("F1", "G1")
async def test_an_agent_sets_nothing_directly_and_stops_no_healing(house: House) -> None:
    async with house.caller() as owner, house.caller("planner") as agent:
        await running(house, owner)
        mode = {"mode": "heal", "reason": "heal what was approved", "expires_in_s": 3600}
        await owner.post("/targets/local:mode", mode)
        spec = (await agent.get(WEB)).json()["desired"]["spec"]
        assert (await agent.put(f"{WEB}/desired", {"spec": None})).status_code == 403
        for wish in ({**spec, "restart": "no"}, None):
            put = await agent.put(f"{WEB}/desired", {"spec": wish}, If_Match='"1"')
            assert (put.status_code, put.json()["code"]) == (403, "forbidden")
            assert "plan_create" in put.json()["next_step"]
        house.world.remove("web-1")
        await house.services.observer.discover("local")
        await house.services.reconciler.tick()
        assert "web-1" in house.world.containers()
        assert (await owner.get("/plans", state="pending")).json()["items"] == []
    assert (await house.services.ledger.need(Desired, "local/container/web-1")).revision == 1


async def test_a_person_without_the_scope_to_apply_cannot_set_what_should_be(house: House) -> None:
    async with house.caller() as owner:
        await running(house, owner)
        await owner.http.patch(f"{API}/people/viewer", json={"scopes": ["twin:read", "twin:plan"]})
    async with house.caller("viewer") as viewer:
        assert (await viewer.put(f"{WEB}/desired", {"spec": None}, If_Match='"1"')).status_code == 403


async def test_setting_what_should_be_needs_the_revision_that_was_read(house: House) -> None:
    async with house.caller() as client:
        await running(house, client)
        shown = await client.get(WEB)
        assert shown.headers["ETag"] == '"1"'
        spec = shown.json()["desired"]["spec"]
        blind = await client.put(f"{WEB}/desired", {"spec": spec})
        assert blind.status_code == 428
        assert 'If-Match: "1"' in blind.json()["next_step"]
        assert '"3"' not in blind.text
        unset = await client.put("/resources/local/container/new/desired", {"spec": spec})
        assert (unset.status_code, 'If-Match: "0"' in unset.json()["next_step"]) == (428, True)
        stale = await client.put(f"{WEB}/desired", {"spec": spec}, If_Match='"0"')
        assert (stale.status_code, stale.json()["code"]) == (412, "conflict")
        assert stale.json()["details"]["revision"] == 1
        for tag in ("1", "*", 'W/"1"', '"1", "2"', '"-1"', '"x"', "", '"١"'):
            answer = await client.http.put(
                f"{API}{WEB}/desired", json={"spec": spec}, headers={"If-Match": tag.encode()}
            )
            assert answer.status_code == 422, tag
        twice = await client.put(f"{WEB}/desired", {"spec": spec, "if_revision": 1}, If_Match='"1"')
        assert twice.status_code == 422
    assert (await house.services.ledger.need(Desired, "local/container/web-1")).revision == 1


async def test_of_two_people_who_set_the_same_thing_one_is_told(house: House) -> None:
    import asyncio

    async with house.caller("owner") as owner, house.caller("operator") as operator:
        await running(house, owner)
        spec = (await owner.get(WEB)).json()["desired"]["spec"]
        answers = await asyncio.gather(
            *(
                who.put(f"{WEB}/desired", {"spec": {**spec, "memory_bytes": size * 2**20}}, If_Match='"1"')
                for who, size in ((owner, 64), (operator, 128))
            )
        )
    assert sorted(answer.status_code for answer in answers) in ([202, 409], [202, 412])
    assert (await house.services.ledger.need(Desired, "local/container/web-1")).revision == 2


async def test_lists_come_in_pages_that_fit_together(house: House) -> None:
    async with house.caller() as client:
        for number in range(7):
            await client.planned(f"deploy app:1 as w{number}")
        whole = [item["id"] for item in (await client.get("/plans", limit=1000)).json()["items"]]
        pages: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = (await client.get("/plans", limit=3, **cursor)).json()
            pages += [item["id"] for item in page["items"]]
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
    assert pages == whole
    assert len(whole) == 7


@pytest.mark.parametrize(
    "path", ["/plans", "/executions", "/events", "/audit", "/targets", "/workloads", "/deployments"]
)
async def test_a_cursor_that_is_none_is_refused(house: House, path: str) -> None:
    async with house.caller() as client:
        for cursor in ("x y", "ü", "a" * 501):
            assert (await client.get(path, cursor=cursor)).status_code == 422, (path, cursor)
        for limit in ("0", "-1", "1001", "x", "1.5", "", "9" * 30):
            assert (await client.get(path, limit=limit)).status_code == 422, (path, limit)


async def test_resources_are_listed_with_both_sides_their_drift_and_counts(house: House) -> None:
    async with house.caller() as client:
        await running(house, client)
        house.world.run("stray", "app:1")
        house.world.remove("web-2")
        found = (await client.post("/targets/local:discover")).json()
        assert found["gone"] == ["local/container/web-2"]
        listed = (await client.get("/resources", kind="container")).json()
        by_id = {item["id"]: item for item in listed["items"]}
        assert by_id["local/container/web-2"]["drift"]["kind"] == "missing"
        assert by_id["local/container/web-1"]["drift"] is None
        assert by_id["local/container/stray"]["managed"] is False
        assert listed["counts"]["drift"] == {"missing": 1, "none": 2}
        assert {item["id"] for item in (await client.get("/resources", managed="false")).json()["items"]} >= {
            "local/container/stray"
        }
        assert [item["name"] for item in (await client.get("/resources", workload="web")).json()["items"]] == [
            "web-1",
            "web-2",
        ]
        drift = (await client.get("/drift")).json()["items"]
        assert [(item["resource"], item["kind"]) for item in drift] == [("local/container/web-2", "missing")]
        pages = (await client.get("/resources", limit=1)).json()
        assert pages["next"] == pages["items"][0]["id"]


async def test_drift_is_planned_approved_and_healed(house: House) -> None:
    async with house.caller() as client:
        await running(house, client)
        house.world.remove("web-2")
        await client.post("/targets/local:discover")
        plan = (await client.post("/plans", {"drift": True})).json()
        assert (plan["origin"], plan["summary"]["add"]) == ("drift", 1)
        await client.post(f"/plans/{plan['id']}:decide", {"decision": "approve", "digest": plan["digest"]})
        await client.post(f"/plans/{plan['id']}:apply")
        await house.work()
        await client.post("/targets/local:discover")
        assert (await client.get("/drift")).json()["items"] == []


async def test_a_container_is_adopted_by_a_person_and_not_by_an_agent(house: House) -> None:
    house.world.run("legacy", "app:1", restart="always")
    async with house.caller() as owner, house.caller("planner") as agent:
        await owner.post("/targets/local:discover")
        path = "/resources/local/container/legacy"
        assert (await agent.post(f"{path}:adopt")).status_code == 403
        adopted = await owner.post(f"{path}:adopt", {"reason": "ours now"})
        assert adopted.status_code == 200, adopted.text
        assert adopted.json()["managed"]
        assert (await owner.get("/workloads/local/legacy")).json()["workload"]["image"]
    assert not house.effects


async def test_a_roll_back_is_a_plan_like_any_other(house: House) -> None:
    async with house.caller() as client:
        await running(house, client, {"name": "web", "image": "app:1"})
        await running(house, client, {"name": "web", "image": "app:2"})
        back = await client.post("/plans", {"rollback": "web"})
        assert back.status_code == 201, back.text
        assert back.json()["origin"] == "rollback"
        assert back.json()["workloads"][0]["workload"]["image"] == "app:1"
        [latest] = (await client.get("/executions", limit=1)).json()["items"]
        assert (await client.post("/plans", {"rollback": latest["id"]})).status_code == 201
        assert (await client.post("/plans", {"rollback": "never-was"})).status_code == 404


async def test_compose_and_components_are_files_too(house: House) -> None:
    compose = "services:\n  cache:\n    image: app:1\n"
    async with house.caller() as client:
        made = await client.post("/plans", {"file": compose, "project": "shop"})
        assert made.status_code == 201, made.text
        unsure = await client.post(
            "/plans",
            {"file": "components:\n  net:\n    use: hub-and-spoke\n    endpoint: http://10.9.9.9:18080\n"},
        )
    assert unsure.status_code == 422
    assert unsure.json()["details"]["mode"] == "needs_decision"
    assert not house.effects


async def test_an_endpoint_exists_does_not_or_cannot_be_told(house: House) -> None:
    from opstwin.targets.scripted_prober import REFUSED, says

    house.prober.answers |= {"http://10.0.0.5:8080": says({"kind": "x", "id": "y"}), "http://10.0.0.6": REFUSED}
    async with house.caller("viewer") as client:
        answers = [
            (await client.post("/discover", {"endpoint": where})).json()["exists"]
            for where in ("http://10.0.0.5:8080", "http://10.0.0.6", "http://10.0.0.7")
        ]
    assert answers == [True, False, None]


@pytest.mark.req("S2.27", "S2.28", "S2.29", "S2.30", "S2.31")
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"display_name": None}, "display_name"), ({"backend_type": "foo"}, "backend_type"),
        ({"agent_endpoint": "not an address"}, "agent_endpoint"), ({"connection_type": "x"}, "connection_type"),
        ({"auth_method": "x"}, "auth_method"), ({"id": "Not_A_Name"}, "id"), ({"mode": "x"}, "mode"),
    ],
)  # fmt: skip
async def test_a_wrong_field_of_a_target_is_named(house: House, change: dict[str, Any], field: str) -> None:
    good = {
        "id": "lab",
        "display_name": "Lab",
        "backend_type": "sim",
        "agent_endpoint": "sim://lab",
        "is_active": False,
    }
    body = {key: value for key, value in {**good, **change}.items() if value is not None}
    async with house.caller() as client:
        answer = await client.post("/targets", body)
        assert answer.status_code == 422
        assert answer.json()["details"]["field"] == field
        assert (await client.get("/targets/lab")).status_code == 404


async def test_a_target_is_added_changed_tested_and_imported(house: House) -> None:
    async with house.caller() as client:
        added = await client.post(
            "/targets",
            {
                "id": "lab", "display_name": "Lab", "backend_type": "sim", "agent_endpoint": "sim://lab",
                "is_active": False, "settings": {"api_key": "hunter2", "region": "eu"},
            },
        )  # fmt: skip
        assert added.status_code == 201, added.text
        assert added.headers["Location"] == f"{API}/targets/lab"
        assert added.json()["settings"] == {"api_key": "***", "region": "eu"}
        changed = await client.http.patch(f"{API}/targets/lab", json={"display_name": "The lab"})
        assert changed.json()["display_name"] == "The lab"
        report = (await client.post("/targets/local:test")).json()
        assert report["identity"]
        assert report["is_known"]
        file = "clusters:\n  - name: far\n    type: kubernetes\n    kubeconfig: /etc/kube\n"
        imported = await client.post("/targets:import", {"file": file})
        assert imported.status_code == 200, imported.text
        assert [item["id"] for item in imported.json()["targets"]] == ["far"]
        assert (await client.post("/targets:import", {})).status_code == 422
        assert (await client.post("/targets:import", {"file": "- a"})).status_code == 422


@pytest.mark.req("S5.118")
async def test_a_target_that_does_not_answer_is_a_424_that_says_so(house: House) -> None:
    from opstwin.targets.sim.faults import Fault, FaultKind

    house.world.faults.add(Fault(kind=FaultKind.UNREACHABLE, call="*", times=None))
    async with house.caller() as client:
        for path in ("/targets/local:test", "/targets/local:discover"):
            answer = await client.post(path)
            assert (answer.status_code, answer.json()["code"]) == (424, "unreachable")
            assert answer.json()["next_step"]


@pytest.mark.req("S5.118")
async def test_an_execution_that_fails_says_why_and_what_to_do(house: House) -> None:
    check = {"command": ["/check"], "interval_s": 1, "timeout_s": 1, "retries": 2}
    async with house.caller() as client:
        await running(house, client, {"name": "web", "image": "app:bad", "health": check})
        [ended] = (await client.get("/executions")).json()["items"]
        steps = (await client.get(f"/executions/{ended['id']}")).json()["steps"]
    assert ended["state"] == "rolled_back"
    assert "local/container/web-1 is unhealthy" in ended["error"]["message"]
    assert "opstwin plan" in ended["error"]["next_step"]
    assert {step["phase"] for step in steps} == {"forward", "back"}
    assert await house.services.ledger.need(Observed, "local/container/web-1")


async def test_an_execution_that_has_ended_cannot_be_cancelled(house: House) -> None:
    async with house.caller() as client:
        await running(house, client)
        [ended] = (await client.get("/executions")).json()["items"]
        assert (await client.post(f"/executions/{ended['id']}:cancel")).status_code == 409


async def test_the_audit_is_read_checked_and_its_head_taken_away(house: House) -> None:
    async with house.caller() as client, house.caller("viewer") as viewer:
        await client.planned()
        rows = (await viewer.get("/audit", action="plan.create")).json()["items"]
        assert [row["actor"]["id"] for row in rows] == ["owner"]
        verified = (await viewer.post("/audit:verify")).json()
        assert verified["ok"]
        assert verified["rows"] == len(await house.audit())
        head = (await client.get("/audit/head")).json()
        key = (await client.get("/audit/key")).json()["public_key"]
        await client.planned("deploy app:2 as second")
        again = await client.post("/audit:verify", {"head": head, "public_key": key})
        assert again.status_code == 200
        forged = await client.post("/audit:verify", {"head": {**head, "seq": 1}, "public_key": key})
        assert forged.status_code == 422
        assert (await client.post("/audit:verify", {"head": head})).status_code == 422


async def test_who_am_i_says_what_the_token_allows(house: House) -> None:
    async with house.caller("planner") as client:
        me = (await client.get("/me")).json()
    assert (me["kind"], me["actor"]["on_behalf_of"]) == ("agent", "owner")
    assert "plan:approve" not in me["scopes"]


async def test_a_person_is_added_with_a_token_that_works(house: House) -> None:
    async with house.caller() as client:
        assert (
            await client.post("/people", {"id": "ada", "display_name": "Ada", "scopes": ["twin:read"]})
        ).status_code == 201
        token = (await client.post("/people/ada/tokens")).json()["token"]
        listed = (await client.get("/people")).json()["items"]
        assert {item["id"]: item["scopes"] for item in listed}["ada"] == ["twin:read"]
        answer = await client.http.get(f"{API}/me", headers={"Authorization": f"Bearer {token}"})
        assert answer.json()["actor"]["id"] == "ada"
        link = (await client.post("/people/ada:login")).json()["url"]
        assert link.startswith("http://127.0.0.1:7373/login?code=")
        assert (await client.http.get(link)).status_code == 200


async def test_the_hub_says_what_it_is(house: House) -> None:
    async with house.caller("viewer") as client:
        info = (await client.get("/hub")).json()
    assert (info["name"], info["api_version"], info["policy"], info["targets"]) == ("opstwin", "v1", "two-person", 1)


async def test_the_face_in_the_audit_is_the_way_the_call_came(house: House) -> None:
    async with house.caller("owner", **{"X-Opstwin-Face": "cli"}) as cli, house.caller() as http:
        await cli.planned()
        await http.planned("deploy app:2 as second")
    async with house.caller("owner", **{"X-Opstwin-Face": "root\nforged"}) as odd:
        assert (await odd.get("/hub")).status_code in (200, 400)
    rows = [row for row in await house.audit() if row.action == "plan.create"]
    assert [row.actor.face for row in rows] == ["cli", "http"]


async def test_a_plan_asked_for_in_korean_is_shown_in_korean(house: House) -> None:
    async with house.caller() as client:
        made = await client.post("/plans", {"words": "app:1을 web으로 2개 배포해줘"})
        assert made.status_code == 201, made.text
        assert any("생성됩니다" in line for line in made.json()["lines"])
        shown = (await client.get(f"/plans/{made.json()['id']}")).json()
        assert any("will be created" in line for line in shown["lines"])
