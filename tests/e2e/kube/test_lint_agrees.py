"""What the checks call an error, the real API server (1.20) refuses; what they let pass, it takes. All by dry run."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest

from opstwin.manifests.checks.checking import checked
from tests.unit.manifests.checks.golden import NAMES, PAIRS, SCHEMA, VALUES, Change
from tests.unit.manifests.checks.goods import WEB, put, spoilt

OLD: Final = {
    "HorizontalPodAutoscaler": "autoscaling/v2beta2", "PodDisruptionBudget": "policy/v1beta1",
    "CronJob": "batch/v1beta1",
}  # fmt: skip
NOT_ASKED: Final = frozenset({
    "schema/no-kind", "schema/unknown-kind", "schema/removed-api",  # kubectl itself says these
    "values/odd-amount", "values/many-replicas", "values/floating-image",  # warnings: the API server takes them
    "values/replicas",  # the API server takes any number of copies
    "values/image", "values/image-id",  # it does not read the names of images
    "values/probe",  # it takes names of ports that the container lacks; other breaches are below
})  # fmt: skip
REFUSED: Final = [
    *(rule for rule in (*SCHEMA, *NAMES, *VALUES) if rule not in NOT_ASKED),
    "refs/selector", "refs/empty-selector", "refs/mount", "refs/same-mount",
]  # fmt: skip

Dry = Callable[[dict[str, Any]], tuple[bool, str]]


@pytest.fixture(scope="module")
def dry(kubeconfig: Path) -> Iterator[Dry]:
    """Apply one manifest on the server side, as a dry run: whether it was taken, and what was said."""
    namespace = f"lint-{uuid4().hex[:8]}"

    def kubectl(*words: str, text: str = "") -> subprocess.CompletedProcess[str]:
        command = ["kubectl", "--kubeconfig", str(kubeconfig), *words]
        return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)

    def run(manifest: dict[str, Any]) -> tuple[bool, str]:
        named = {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}
        if named["kind"] == "Secret":
            named["stringData"] = {"database-url": "x"}
        words = ("apply", "--server-side", "--dry-run=server", "--validate=false", "-f", "-")
        done = kubectl(*words, text=json.dumps(named))
        return done.returncode == 0, done.stderr

    assert kubectl("create", "namespace", namespace).returncode == 0
    yield run
    kubectl("delete", "namespace", namespace, "--wait=false")


def changed(changes: list[Change]) -> list[dict[str, Any]]:
    """The set in the versions that 1.20 serves, with the changes."""
    found = spoilt(*changes)
    for manifest in found:
        if manifest.get("kind") == "Service":
            put(manifest, ["spec", "ports", "0", "protocol"], "TCP")  # server-side apply of 1.20 asks for this key
        manifest["apiVersion"] = OLD.get(manifest.get("kind", ""), manifest.get("apiVersion"))
    return found


@pytest.mark.parametrize("place", range(len(spoilt())))
def test_the_api_server_takes_the_good_set(place: int, dry: Dry) -> None:
    taken, said = dry(changed([])[place])
    assert taken, said


@pytest.mark.parametrize("rule", REFUSED)
def test_the_api_server_refuses_what_is_an_error(rule: str, dry: Dry) -> None:
    bad = changed(PAIRS[rule][0])
    broken = [item for item in bad if any(found.rule == rule for found in checked([item], version="1.20").blocking)]
    assert broken
    for manifest in broken:
        taken, _ = dry(manifest)
        assert not taken, manifest


@pytest.mark.parametrize("rule", [rule for rule in (*NAMES, *VALUES) if rule != "values/many-replicas"])
def test_the_api_server_takes_what_comes_close_to_an_error(rule: str, dry: Dry) -> None:
    for manifest in changed(PAIRS[rule][1]):
        if manifest["metadata"].get("name"):
            taken, said = dry(manifest)
            assert taken, said


PROBE: Final = f"{WEB}.livenessProbe"


@pytest.mark.parametrize(
    "change",
    [
        (PROBE, {}),
        (PROBE, {"exec": {"command": ["a"]}, "tcpSocket": {"port": 1}}),
        (PROBE, {"tcpSocket": {"port": 1}, "successThreshold": 2}),
        (PROBE, {"tcpSocket": {"port": 1}, "periodSeconds": -1}),
        (PROBE, {"tcpSocket": {"port": 70_000}}),
    ],
    ids=["nothing", "two", "successes", "negative", "port"],
)
def test_the_api_server_refuses_the_same_probes(change: Change, dry: Dry) -> None:
    manifest = changed([change])[0]
    assert {item.rule for item in checked([manifest], version="1.20").blocking} & {"values/probe", "values/port"}
    assert not dry(manifest)[0]
