"""Our schema check and `kubernetes-validate` (strict) say the same of manifests with one thing changed."""

import copy
import random
from typing import Any

import kubernetes_validate
import pytest

from opstwin.manifests.checks.checking import checked
from tests.unit.manifests.checks.goods import good
from tests.unit.manifests.checks.test_fuzz import paths_in

SCHEMA = {
    "schema/unknown-field", "schema/wrong-type", "schema/missing", "schema/unknown-kind", "schema/removed-api",
    "schema/not-yet-served", "schema/no-kind",
}  # fmt: skip
VALUES: tuple[Any, ...] = ({"x": 1}, ["x"], "text", 7, True)
"""Not null: there, the other one takes null for required fields and refuses it for ports."""


def _changed(pick: random.Random) -> dict[str, Any]:
    manifest = copy.deepcopy(pick.choice([item for item in good() if item["kind"] != "Secret"]))
    path = pick.choice([path for path in paths_in(manifest) if path[0] not in {"apiVersion", "kind"}])
    place: Any = manifest
    for step in path[:-1]:
        place = place[step]
    way = pick.choice(["change", "remove", "add"])
    if way == "change":
        place[path[-1]] = pick.choice(VALUES)
    elif way == "remove":
        del place[path[-1]]
    elif isinstance(place, dict):
        place["another"] = 1
    return manifest


@pytest.mark.parametrize("version", ["1.25", "1.29", "1.33", "1.37"])
def test_both_say_the_same(version: str) -> None:
    pick = random.Random(version)
    for _ in range(60):
        manifest = _changed(pick)
        ours = {item.rule for item in checked([manifest], version=version).findings} & SCHEMA
        assert bool(ours) is _is_refused(manifest, version), (manifest, ours)


def _is_refused(manifest: dict[str, Any], version: str) -> bool:
    try:
        kubernetes_validate.validate(manifest, version, strict=True)
    except kubernetes_validate.ValidationError:
        return True
    return False
