"""Generated manifests on a real cluster: its API server takes every one of them, and they run."""

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from opstwin.domain.workload import Mount, Port, Workload
from opstwin.manifests.generating.generator import Request, generated, manifests_of
from opstwin.manifests.generating.options import GenerateOptions
from opstwin.manifests.served import WANTED, Served
from opstwin.manifests.yaml_text import text_of
from tests.unit.manifests.generating.applications import APPLICATIONS

Kubectl = Callable[..., str]


@pytest.fixture(scope="module")
def kubectl(kubeconfig: Path) -> Kubectl:
    def run(*words: str, text: str = "") -> str:
        command = ["kubectl", "--kubeconfig", str(kubeconfig), *words]
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def namespace(kubectl: Kubectl) -> Iterator[str]:
    name = f"generated-{uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="module")
def served(kubectl: Kubectl) -> Served:
    """What the cluster itself says that it serves, of the versions that are written."""
    version: dict[str, Any] = json.loads(kubectl("version", "-o", "json"))["serverVersion"]
    groups = set(kubectl("api-versions").split())
    kinds: set[tuple[str, str]] = set()
    for group in groups & {each for versions in WANTED.values() for each in versions}:
        listed = json.loads(kubectl("get", "--raw", f"/api/{group}" if "/" not in group else f"/apis/{group}"))
        kinds |= {(group, item["kind"]) for item in listed["resources"]}
    return Served(kinds=frozenset(kinds), release=(int(version["major"]), int(version["minor"].rstrip("+"))))


@pytest.mark.parametrize("request_of", APPLICATIONS.values(), ids=APPLICATIONS.keys())
def test_the_api_server_takes_every_manifest_of_an_application(
    request_of: Callable[[], Request], kubectl: Kubectl, namespace: str, served: Served
) -> None:
    asked = request_of()
    options = replace(asked.options, with_secret=False, namespace_manifest=False)
    result = generated(replace(asked, namespace=namespace, served=served, options=options))
    said = kubectl("apply", "--dry-run=server", "-f", "-", text=text_of(result.manifests, language="ko"))
    assert said.count("(server dry run)") == len(result.manifests)


@pytest.mark.parametrize(
    ("name", "options", "user"),
    [
        ("plain", GenerateOptions(image_user="10001", image_writes=("/srv",)), "10001"),
        ("unknown", GenerateOptions(), "0"),
    ],
    ids=["a plain user", "a user that nobody knows"],
)
def test_a_generated_web_server_becomes_ready_with_as_few_rights_as_it_needs(
    kubectl: Kubectl, namespace: str, served: Served, name: str, options: GenerateOptions, user: str
) -> None:
    workload = Workload(
        name=name, image="k8slocal/busybox:1", command=("httpd", "-f", "-p", "8080", "-h", "/"),
        ports=(Port(container=8080),), env={"MODE": "full"}, replicas=2,
    )  # fmt: skip
    text = text_of(manifests_of(workload, namespace=namespace, served=served, options=options), language="en")
    kubectl("apply", "-f", "-", text=text)
    kubectl("rollout", "status", f"deployment/{name}", "-n", namespace, "--timeout=50s")
    script = "id -u; echo $MODE; touch /srv/x 2>&1; touch /x 2>&1; grep NoNewPrivs /proc/self/status"
    inside = kubectl("exec", "-n", namespace, f"deployment/{name}", "--", "sh", "-c", script)
    assert inside.split()[:2] == [user, "full"]
    assert inside.split()[-2:] == ["NoNewPrivs:", "1"]
    assert ("touch: /x: Read-only file system" in inside) == (options.image_writes is not None)
    assert "/srv/x" not in inside or options.image_writes is None
    endpoints = json.loads(kubectl("get", "endpoints", name, "-n", namespace, "-o", "json"))
    assert len(endpoints["subsets"][0]["addresses"]) == 2
    assert kubectl("apply", "-f", "-", text=text).count("unchanged") == text.count("---\n")


def test_a_claim_of_a_generated_workload_is_made_as_asked(kubectl: Kubectl, namespace: str, served: Served) -> None:
    workload = Workload(
        name="files",
        image="k8slocal/busybox:1",
        command=("sleep", "60"),
        volumes=(Mount(path="/data", volume="files"),),
    )
    options = GenerateOptions(storage="2Gi")
    text = text_of(manifests_of(workload, namespace=namespace, served=served, options=options))
    kubectl("apply", "-f", "-", text=text)
    claim = json.loads(kubectl("get", "pvc", "files", "-n", namespace, "-o", "json"))
    assert claim["spec"]["resources"]["requests"]["storage"] == "2Gi"
