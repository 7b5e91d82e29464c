"""Manifests from the command line: data on stdout, everything else beside it."""

import json

import pytest

from opstwin.cli.exits import Exit
from opstwin.manifests.yaml_text import read_documents
from tests.e2e.cli.conftest import Shell

WEB = "name: web\nimage: nginx:1.27\nreplicas: 2\nports: ['8080:80']\n"
API = "name: api\nimage: app:1\nports: [80]\nenv: {API_TOKEN: canary-token-3}\n"


@pytest.fixture(scope="module")
def shell(shell_once: Shell) -> Shell:
    shell_once.ok("apply", shell_once.file("web.yaml", WEB), "--yes")
    return shell_once


@pytest.mark.req("S5.39")
def test_manifests_are_the_only_output_and_what_to_know_stands_beside_them(shell: Shell) -> None:
    made = shell.run("generate", "web", "--autoscale", "2-5", "--network-policy", "--namespace", "shop")
    assert made.returncode == Exit.OK, made.stderr
    kinds = [item.value["kind"] for item in read_documents(made.stdout)]
    assert kinds == ["Service", "Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy"]
    assert {item.value["metadata"]["namespace"] for item in read_documents(made.stdout)} == {"shop"}  # type: ignore[index,call-overload]
    assert "# It gets traffic" in made.stdout
    assert "PAST DEPLOYMENT" in made.stderr
    assert "FINDING" in made.stderr


@pytest.mark.req("S5.38")
def test_inspecting_a_container_fills_its_info(shell: Shell) -> None:
    found = shell.json("inspect", "web-1")
    assert [found[name] for name in ("name", "image", "ports", "env_vars")] == ["web-1", "nginx:1.27", [80], {}]
    assert found["cpu_usage"]
    assert found["memory_usage"]
    table = shell.ok("inspect", "web-1")
    assert "nginx:1.27" in table


def test_other_forms_are_for_programs_and_for_a_glance(shell: Shell) -> None:
    data = shell.json("generate", "web", "--kube-version", "1.22")
    assert data["kubernetes"] == "1.22"
    assert [item["kind"] for item in data["manifests"]] == ["Service", "Deployment", "PodDisruptionBudget"]
    assert data["manifests"][2]["document"]["apiVersion"] == "policy/v1"
    table = shell.ok("generate", "web", "-o", "table")
    assert "apps/v1" in table
    assert "apiVersion" not in table


def test_a_folder_gets_one_file_for_each_manifest_that_lint_takes(shell: Shell) -> None:
    made = shell.run("generate", shell.file("api.yaml", API), "--out", "k8s")
    assert made.returncode == Exit.OK, made.stderr
    assert made.stdout == ""
    names = sorted(item.name for item in (shell.folder / "k8s").iterdir())
    assert names == ["01-service-api.yaml", "02-deployment-api.yaml"]
    assert "API_TOKEN" in made.stderr
    assert "canary-token-3" not in made.stderr + "".join(
        (shell.folder / "k8s" / name).read_text() for name in names
    )  # fmt: skip
    assert shell.run("lint", "k8s").returncode == Exit.OK


@pytest.mark.req("S5.39")
def test_words_an_image_and_a_compose_file_are_generated_from_like_a_container(shell: Shell) -> None:
    said = read_documents(shell.ok("generate", "deploy app:1 as api with 3 replicas"))
    assert [item.value["spec"]["replicas"] for item in said if item.value["kind"] == "Deployment"] == [3]  # type: ignore[index,call-overload]
    korean = shell.run("generate", "nginx:1.27을 web으로 배포해줘")
    assert (korean.returncode, any("가" <= letter <= "힣" for letter in korean.stderr)) == (Exit.OK, True)
    image = read_documents(shell.ok("generate", "redis:7"))
    assert {item.value["metadata"]["name"] for item in image} == {"redis"}  # type: ignore[index,call-overload]
    compose = "services:\n  web: {image: 'nginx:${TAG}', ports: ['80:80']}\n  db: {image: 'postgres:16'}\n"
    made = shell.ok("generate", shell.file("compose.yaml", compose), "--var", "TAG=1.27")
    kinds = [item.value["kind"] for item in read_documents(made)]
    assert {"Deployment", "StatefulSet", "Service"} <= {*kinds}
    assert "nginx:1.27" in made


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere",), "nowhere"),
        (("web", "--profile", "XL"), "profile"),
        (("web", "--autoscale", "many"), "autoscale"),
        (("web", "--kube-version", "2"), "kubernetes"),
        (("web", "--run-as", "daemon"), "run_as"),
        (("web", "--target", "local"), "no Kubernetes cluster"),
        (("none.yaml",), "no file"),
        (("scale web to 3",), "scale"),
        (("web", "--plan", "--target", "local"), "no Kubernetes cluster"),
    ],
)
def test_what_cannot_be_is_refused_in_words(shell: Shell, words: tuple[str, ...], said: str) -> None:
    refused = shell.run("generate", *words)
    assert refused.returncode == Exit.ERROR
    assert said in refused.stderr
    assert refused.stdout == ""


def test_the_resources_of_what_is_no_cluster_are_not_listed_as_if_it_were(shell: Shell) -> None:
    refused = shell.run("k8s", "resources", "--cluster", "local")
    assert (refused.returncode, refused.stdout) == (Exit.ERROR, "")
    assert "no Kubernetes cluster" in refused.stderr
    assert json.loads(shell.ok("get", "-o", "json"))["items"]
