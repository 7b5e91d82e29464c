"""What made a pod is named as the driver names it everywhere else."""

from typing import Any

import pytest

from opstwin.targets.kubernetes.sightings import maker_of


def pod(api_version: str, kind: str, name: str, **labels: str) -> dict[str, Any]:
    owner = {"apiVersion": api_version, "kind": kind, "name": name, "controller": True}
    return {"metadata": {"name": "p", "namespace": "shop", "labels": labels, "ownerReferences": [owner]}}


@pytest.mark.parametrize(
    ("made", "maker"),
    [
        (pod("apps/v1", "StatefulSet", "db"), ("statefulset", "shop/db")),
        (pod("batch/v1", "Job", "nightly-1"), ("job", "shop/nightly-1")),
        (pod("v1", "ReplicationController", "old"), ("replicationcontroller", "shop/old")),
        (pod("apps/v1", "ReplicaSet", "web-5d9", **{"pod-template-hash": "5d9"}), ("deployment", "shop/web")),
        (pod("example.com/v1", "Widget", "one"), ("widget.example.com", "shop/one")),
        (pod("v1", "Node", "cp1"), ("node", "cp1")),
    ],
)
def test_a_maker_has_the_kind_and_the_name_of_its_own_id(made: dict[str, Any], maker: tuple[str, str]) -> None:
    assert maker_of(made) == maker
