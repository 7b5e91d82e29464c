"""Verbs about clusters, as a user types them: a real hub in a process of its own over the real cluster."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from opstwin.manifests.yaml_text import read_documents
from tests.e2e.cli.conftest import Shell
from tests.e2e.kube.spot import Spot


@pytest.fixture
async def shell(spot: Spot, tmp_path: Path) -> AsyncIterator[Shell]:
    made = Shell(tmp_path)
    await asyncio.to_thread(made.up)
    try:
        yield made
    finally:
        await asyncio.to_thread(made.down)


@pytest.mark.req("S5.6", "S5.35")
async def test_the_resources_of_a_cluster_are_counted_and_what_ails_is_told(spot: Spot, shell: Shell) -> None:
    spot.kubectl("create", "-f", "-", input=spot.deployment(name="able"))
    spot.kubectl("create", "-f", "-", input=spot.deployment(name="ill", image="k8slocal/busybox:none"))
    await spot.until("deployment", "able", lambda found: found["status"].get("availableReplicas") == 1)
    shell.ok("targets", "add", "c1", "--kubeconfig", str(spot.kubeconfig))
    async with asyncio.timeout(60):
        while "ImagePull" not in spot.kubectl("get", "pods"):
            await asyncio.sleep(0.2)
    await asyncio.to_thread(shell.ok, "discover", "c1")
    table = shell.ok("k8s", "resources", "--cluster", "c1")
    counts = {words[0]: words[1:3] for line in table.splitlines() if len(words := line.split()) == 3}
    assert int(counts["deployment"][0]) >= 2
    assert int(counts["pod"][1]) >= 1
    assert f"c1/deployment/{spot.namespace}/ill" in table
    assert f"c1/deployment/{spot.namespace}/able" not in table
    listed = shell.json("k8s", "resources", "deployment", "--cluster", "c1")["items"]
    mine = [item["name"] for item in listed if item["name"].startswith(spot.namespace)]
    assert mine == [f"{spot.namespace}/ill", f"{spot.namespace}/able"]


@pytest.mark.req("S5.39", "S5.63")
async def test_a_file_is_generated_for_a_cluster_and_planned_in_one_command(spot: Spot, shell: Shell) -> None:
    shell.ok("targets", "add", "c1", "--kubeconfig", str(spot.kubeconfig))
    shell.ok("discover", "c1")
    file = shell.file("web.yaml", "name: web\nimage: k8slocal/busybox:1\ncommand: [sleep, '3600']\nreplicas: 2\n")
    words = (file, "--target", "c1", "--namespace", spot.namespace)
    made = shell.run("generate", *words)
    assert [item.value["apiVersion"] for item in read_documents(made.stdout)] == ["apps/v1", "policy/v1beta1"]
    planned = shell.run("generate", *words, "--plan", "--out", "k8s")
    assert planned.returncode == 0, planned.stderr
    assert "2 to add" in planned.stdout
    assert "opstwin approve plan_" in planned.stderr
    assert len(list((shell.folder / "k8s").iterdir())) == 2
    assert not spot.is_there("deployment", "web")
