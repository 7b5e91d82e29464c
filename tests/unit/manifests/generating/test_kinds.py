"""Deployment, StatefulSet, Job or CronJob; and where the data of each lives."""

from dataclasses import replace

import pytest

from opstwin.domain.workload import Autoscale, HealthCheck, Mount, Port, RestartPolicy, Workload
from opstwin.errors import InvalidInput
from opstwin.manifests.generating.generator import Request, generated
from opstwin.manifests.generating.info import info_of_workload
from opstwin.manifests.generating.options import GenerateOptions, RunAs
from opstwin.manifests.generating.results import Level
from opstwin.manifests.served import served_by
from tests.unit.manifests.generating.looking import WORKLOADS, codes, container, document, finding, kinds, made, pod

API = Workload(name="api", image="registry.example.com/shop/api:2")
DATA = Mount(path="/data", volume="data")


def kind(workload: Workload, options: GenerateOptions | None = None) -> str:
    return next(item for item in kinds(made(workload, options)) if item in WORKLOADS)


@pytest.mark.parametrize(
    "image",
    ["postgres:16", "mysql:8.4", "mariadb:11", "mongo:7", "apache/kafka:3.8.0", "rabbitmq:4", "acme/postgres:1"],
)
def test_an_image_that_keeps_data_is_a_stateful_set_with_a_claim_even_without_a_volume(image: str) -> None:
    result = made(Workload(name="db", image=image))
    spec = document(result, "StatefulSet")["spec"]
    assert len(spec["volumeClaimTemplates"]) == 1
    assert spec["volumeClaimTemplates"][0]["metadata"]["name"] == container(result)["volumeMounts"][0]["name"]
    assert "data_added" in codes(result)
    assert "PersistentVolumeClaim" not in kinds(result)


def test_a_volume_that_covers_the_data_is_used_as_it_is() -> None:
    result = made(Workload(name="db", image="mysql:8.4", volumes=(Mount(path="/var/lib/mysql", volume="shop"),)))
    assert [item["name"] for item in container(result)["volumeMounts"] if "scratch" not in item["name"]] == ["shop"]
    assert "data_added" not in codes(result)


def test_a_cache_is_stateful_only_with_a_volume() -> None:
    assert kind(Workload(name="cache", image="redis:7")) == "Deployment"
    assert kind(Workload(name="cache", image="redis:7", volumes=(DATA,))) == "StatefulSet"


def test_lost_and_found_of_a_new_disk_stands_in_no_databases_way() -> None:
    postgres, mysql = made(Workload(name="db", image="postgres:16")), made(Workload(name="db", image="mysql:8.4"))
    assert document(postgres, "ConfigMap")["data"]["PGDATA"].startswith("/var/lib/postgresql/data/")
    assert container(mysql)["volumeMounts"][0]["subPath"] == "mysql"


def test_a_stateful_set_has_a_headless_service_of_its_name() -> None:
    result = made(Workload(name="db", image="postgres:16"))
    headless = document(result, "Service")
    assert headless["spec"]["clusterIP"] == "None"
    assert document(result, "StatefulSet")["spec"]["serviceName"] == headless["metadata"]["name"]


def test_replicas_of_a_database_are_said_not_to_share_their_data() -> None:
    assert "own_data" in codes(made(Workload(name="db", image="postgres:16", replicas=3)))


@pytest.mark.parametrize(
    ("command", "expected"),
    [(None, "StatefulSet"), (("postgres", "-c", "x=1"), "StatefulSet"), (("pg_dump", "shop"), "Job"), (("sh",), "Job")],
)
def test_a_database_that_is_never_restarted_still_serves_unless_one_of_its_tools_is_run(
    command: tuple[str, ...] | None, expected: str
) -> None:
    assert kind(Workload(name="db", image="postgres:16", command=command, restart=RestartPolicy.NEVER)) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "Deployment"),
        ({"restart": RestartPolicy.NEVER}, "Job"),
        ({"restart": RestartPolicy.NEVER, "ports": (Port(container=80),)}, "Deployment"),
        ({"restart": RestartPolicy.NEVER, "health": HealthCheck(command=("check",))}, "Deployment"),
        ({"restart": RestartPolicy.ON_FAILURE}, "Deployment"),
        ({"restart": RestartPolicy.ALWAYS}, "Deployment"),
    ],
)
def test_only_what_is_never_restarted_and_listens_nowhere_is_a_job(change: dict[str, object], expected: str) -> None:
    assert kind(replace(API, **change)) == expected  # type: ignore[arg-type]


def test_a_restart_policy_that_pods_do_not_have_is_said() -> None:
    result = made(replace(API, restart=RestartPolicy.ON_FAILURE))
    assert "on-failure" in finding(result, "restart").text


def test_a_container_that_was_seen_running_is_no_job() -> None:
    info = replace(info_of_workload(replace(API, restart=RestartPolicy.NEVER)), kept_running=True)
    assert kinds(generated(Request(containers=(info,)))) == ["Deployment"]


@pytest.mark.parametrize(
    ("run_as", "expected"),
    [(RunAs.DEPLOYMENT, "Deployment"), (RunAs.STATEFUL, "StatefulSet"), (RunAs.JOB, "Job")],
)
def test_a_kind_that_is_asked_for_is_taken(run_as: RunAs, expected: str) -> None:
    assert kind(Workload(name="db", image="postgres:16"), GenerateOptions(run_as=run_as)) == expected


def test_a_schedule_makes_a_cron_job_in_the_version_that_is_served() -> None:
    options = GenerateOptions(schedule="*/5 0-6 * * mon,fri")
    assert document(made(API, options), "CronJob")["apiVersion"] == "batch/v1"
    old = made(API, options, served=served_by((1, 20)))
    assert document(old, "CronJob")["apiVersion"] == "batch/v1beta1"


@pytest.mark.parametrize("schedule", ["", "daily", "* * * *", "* * * * * *", "@reboot", "0 3 * * $", "٠ ٣ * * *"])
def test_a_schedule_that_is_none_is_refused(schedule: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        made(API, GenerateOptions(schedule=schedule))
    assert refused.value.field == "schedule"


def test_a_task_runs_once_for_each_replica_and_is_not_tried_again() -> None:
    spec = document(made(replace(API, restart=RestartPolicy.NEVER, replicas=3)), "Job")["spec"]
    assert (spec["completions"], spec["parallelism"], spec["backoffLimit"]) == (3, 3, 0)
    assert spec["template"]["spec"]["restartPolicy"] == "Never"


def test_what_shall_not_run_has_no_pods() -> None:
    assert document(made(replace(API, running=False)), "Deployment")["spec"]["replicas"] == 0
    task = replace(API, running=False, restart=RestartPolicy.NEVER)
    assert document(made(task), "Job")["spec"]["suspend"] is True
    old = made(task, served=served_by((1, 20)))
    assert "suspend" not in document(old, "Job")["spec"]
    assert finding(old, "job_stopped").level is Level.LOST


def test_a_volume_is_a_claim_that_outlives_the_pods() -> None:
    options = GenerateOptions(storage_by_volume={"data": "20Gi"}, storage_class="fast")
    result = made(replace(API, volumes=(DATA,)), options)
    claim = document(result, "PersistentVolumeClaim")
    assert claim["spec"] == {
        "resources": {"requests": {"storage": "20Gi"}}, "accessModes": ["ReadWriteOnce"], "storageClassName": "fast",
    }  # fmt: skip
    assert pod(result)["volumes"] == [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    assert document(result, "Deployment")["spec"]["strategy"] == {"type": "Recreate"}


@pytest.mark.parametrize("options", [GenerateOptions(), GenerateOptions(autoscale=Autoscale())])
def test_a_volume_of_several_pods_must_allow_several_writers(options: GenerateOptions) -> None:
    replicas = 1 if options.autoscale else 2
    result = made(replace(API, volumes=(DATA,), replicas=replicas), options)
    assert document(result, "PersistentVolumeClaim")["spec"]["accessModes"] == ["ReadWriteMany"]
    assert "shared_volume" in codes(result)
    assert "strategy" not in document(result, "Deployment")["spec"]


def test_a_volume_of_two_workloads_is_one_claim() -> None:
    both = [info_of_workload(replace(API, name=name, volumes=(DATA,))) for name in ("one", "two")]
    result = generated(Request(containers=tuple(both)))
    assert len(result.of_kind("PersistentVolumeClaim")) == 1
    claim = document(result, "PersistentVolumeClaim")
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    assert "app.kubernetes.io/instance" not in claim["metadata"]["labels"]


def test_a_volume_that_a_stateful_set_would_no_longer_share_is_lost_and_said() -> None:
    database = Workload(
        name="db", image="postgres:16", volumes=(Mount(path="/var/lib/postgresql/data", volume="data"),)
    )
    request = Request(containers=tuple(info_of_workload(item) for item in (database, replace(API, volumes=(DATA,)))))
    assert finding(generated(request), "volume_apart").level is Level.LOST


def test_a_folder_of_the_host_is_never_dropped_without_a_word() -> None:
    workload = replace(API, volumes=(Mount(path="/etc/app", host_path="/srv/app"),))
    result = made(workload)
    assert "volumes" not in pod(result)
    assert finding(result, "host_path").level is Level.LOST
    allowed = made(workload, GenerateOptions(host_paths=True))
    assert pod(allowed)["volumes"] == [{"name": "host-0", "hostPath": {"path": "/srv/app"}}]
    assert "host_path_used" in codes(allowed)


@pytest.mark.parametrize("size", ["", "ten", "1Gib", "-1Gi", "0Gi"])
def test_an_amount_of_storage_that_is_none_is_refused(size: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        made(replace(API, volumes=(DATA,)), GenerateOptions(storage=size))
    assert refused.value.field == "storage.data"
