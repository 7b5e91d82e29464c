"""What a look at a cluster shows: everything that may be seen, and nothing made up about what may not."""

from pathlib import Path

import pytest

from opstwin.domain.resource import Health, Presence
from opstwin.errors import Rejected
from opstwin.targets.ports import ALL_OF_A_KIND
from opstwin.targets.sim.kube.life.images import Image
from tests.unit.targets.kubernetes.clusters import cluster, deployment, text_of

READ = ["get", "list", "watch"]


@pytest.mark.req("S5.6")
async def test_a_look_shows_workloads_with_their_pods_and_how_they_do(tmp_path: Path) -> None:
    async with cluster(tmp_path) as here:
        here.world.create(deployment())
        begun = (await here.seen())["deployment/default/web"]
        here.world.advance(30)
        seen = await here.seen()
        web = seen["deployment/default/web"]
        pods = [item for name, item in seen.items() if name.startswith("pod/default/web-")]
    assert (begun.health, web.health) == (Health.STARTING, Health.HEALTHY)
    assert (web.facts["ready"], web.facts["images"], web.managed) == ("2/2", ["web:1"], False)
    assert [item.links for item in pods] == [(("part-of", "prod/deployment/default/web"),)] * 2
    assert not any(name.startswith("replicaset/") for name in seen)


@pytest.mark.parametrize(
    ("image", "why"),
    [
        (Image(pulls=False), "ImagePullBackOff"),
        (Image(exits=3), "CrashLoopBackOff"),
        (Image(exits=137, out_of_memory=True), "OOMKilled"),
    ],
)
async def test_a_rollout_that_cannot_succeed_is_unhealthy_at_once_and_says_why(
    tmp_path: Path, image: Image, why: str
) -> None:
    async with cluster(tmp_path) as here:
        here.world.image("web:1", image)
        here.world.create(deployment())
        here.world.advance(60)
        web = await here.look("deployment/default/web")
    assert web.health is Health.UNHEALTHY
    assert why in str(web.facts["why"])


async def test_pods_of_the_template_before_do_not_judge_a_rollout(tmp_path: Path) -> None:
    """What was broken is being replaced: the new pods are what matters."""
    async with cluster(tmp_path) as here:
        here.world.image("web:1", Image(exits=3))
        here.world.create(deployment())
        here.world.advance(60)
        template = {"spec": {"containers": [{"name": "app", "image": "web:2"}]}}
        here.world.edit("Deployment", "default", "web", {"spec": {"template": template}})
        web = await here.look("deployment/default/web")
        whole = (await here.seen())["deployment/default/web"]
    assert web.health is not Health.UNHEALTHY
    assert whole.health is web.health


async def test_no_value_of_a_secret_is_kept_in_any_form(tmp_path: Path) -> None:
    async with cluster(tmp_path) as here:
        here.world.create(
            {
                "kind": "Secret",
                "metadata": {"name": "db", "namespace": "default"},
                "stringData": {"PASSWORD": "canary-1"},
            }
        )
        here.world.create(deployment(container={"env": [{"name": "API_TOKEN", "value": "canary-2"}]}))
        note = {"kubectl.kubernetes.io/last-applied-configuration": "canary-3"}
        here.world.edit("Deployment", "default", "web", {"metadata": {"annotations": note}})
        here.world.advance(30)
        seen = await here.seen()
    assert seen["secret/default/db"].spec is not None
    assert list(seen["secret/default/db"].spec["data"]) == ["PASSWORD"]  # type: ignore[arg-type]
    assert "canary" not in text_of(seen)
    assert "Y2FuYXJ5" not in text_of(seen)


async def test_what_is_gone_is_absent_and_what_cannot_be_seen_is_unknown(tmp_path: Path) -> None:
    async with cluster(tmp_path) as here:
        here.world.create(deployment())
        there = await here.look("deployment/default/web")
        gone = await here.look("deployment/default/other")
        here.world.partition()
        dark = await here.look("deployment/default/web")
    assert [item.presence for item in (there, gone, dark)] == [Presence.PRESENT, Presence.ABSENT, Presence.UNKNOWN]
    assert dark.error


@pytest.mark.req("S5.77")
async def test_a_kind_that_may_not_be_listed_is_told_as_unknown_beside_all_others(tmp_path: Path) -> None:
    async with cluster(tmp_path, token="some") as here:
        rules = [{"apiGroups": ["", "apps"], "resources": ["pods", "deployments", "namespaces"], "verbs": READ}]
        here.world.user("robot", "some", rules=rules)
        here.world.create(deployment())
        seen = await here.seen()
    assert "deployment/default/web" in seen
    hidden = seen[f"secret/{ALL_OF_A_KIND}"]
    assert (hidden.presence, "cannot list" in hidden.error) == (Presence.UNKNOWN, True)


async def test_an_account_that_may_see_nothing_is_told_so(tmp_path: Path) -> None:
    async with cluster(tmp_path, token="none") as here:
        here.world.user("nobody", "none")
        with pytest.raises(Rejected, match="may list nothing"):
            await here.driver.reader.discover()


async def test_a_token_that_is_no_longer_good_makes_everything_unknown_until_the_file_holds_another(
    tmp_path: Path,
) -> None:
    async with cluster(tmp_path) as here:
        here.world.create(deployment())
        here.world.user("second", "second", rules=[{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}])
        here.world.revoke("admin-token")
        refused = await here.look("deployment/default/web")
        here.use("second")
        again = await here.look("deployment/default/web")
    assert (refused.presence, again.presence) == (Presence.UNKNOWN, Presence.PRESENT)
    assert "credentials" in refused.error


async def test_a_target_may_be_narrowed_to_namespaces_and_widened_by_kinds(tmp_path: Path) -> None:
    settings = {"namespaces": "shop", "kinds": "role"}
    async with cluster(tmp_path, settings=settings) as here:
        here.world.create({"kind": "Namespace", "metadata": {"name": "shop"}})
        for space in ("shop", "default"):
            here.world.create({"kind": "ConfigMap", "metadata": {"name": "a", "namespace": space}, "data": {"k": "v"}})
            here.world.create({"kind": "Role", "metadata": {"name": "r", "namespace": space}, "rules": []})
        seen = await here.seen()
    assert "configmap/shop/a" in seen
    assert "role/shop/r" in seen
    assert not any(name.startswith(("configmap/default/", "role/default/")) for name in seen)


async def test_lists_of_more_than_one_page_are_whole(tmp_path: Path) -> None:
    async with cluster(tmp_path) as here:
        for number in range(1203):
            here.world.create({"kind": "ConfigMap", "metadata": {"name": f"c{number}", "namespace": "default"}})
        seen = await here.seen()
    assert sum(name.startswith("configmap/default/c") for name in seen) == 1203


async def test_logs_of_a_workload_are_those_of_its_pods_with_their_names(tmp_path: Path) -> None:
    async with cluster(tmp_path) as here:
        here.world.image("web:1", Image(log=("hello",)))
        here.world.create(deployment())
        here.world.advance(30)
        reader = here.driver.reader
        name = "prod/deployment/default/web"
        lines = [line async for line in reader.logs(name, tail=10, follow=False)]  # type: ignore[arg-type]
    assert len(lines) == 2
    assert all(line.text.startswith("web-") and line.text.endswith(": hello") for line in lines)
    assert all(line.at is not None for line in lines)


async def test_who_a_cluster_is_stays_over_a_restart_and_is_another_after_a_new_beginning(tmp_path: Path) -> None:
    async with cluster(tmp_path) as here:
        first = await here.driver.reader.info()
        here.world.restart()
        second = await here.driver.reader.info()
        here.world.restart(keep_state=False)
        third = await here.driver.reader.info()
    assert first.identity == second.identity != third.identity
    assert first.version.startswith("v1.33")


@pytest.mark.parametrize("minor", [20, 25, 37])
async def test_a_list_and_a_single_look_show_one_object_in_the_same_shape(tmp_path: Path, minor: int) -> None:
    wanted = {"type": "Utilization", "averageUtilization": 70}
    metric = {"type": "Resource", "resource": {"name": "cpu", "target": wanted}}
    scaler = {
        "apiVersion": "autoscaling/v2beta2" if minor < 23 else "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 2, "maxReplicas": 4, "metrics": [metric],
        },
    }  # fmt: skip
    async with cluster(tmp_path, version=f"1.{minor}") as here:
        here.world.create(deployment())
        here.world.create(scaler)
        listed = (await here.seen())["horizontalpodautoscaler/default/web"]
        looked = await here.look("horizontalpodautoscaler/default/web")
    assert listed.spec is not None
    assert (listed.spec["apiVersion"], listed.spec["spec"]["metrics"]) == (scaler["apiVersion"], [metric])
    assert looked.spec == listed.spec
