"""Fixtures for tests on a real cluster (Kubernetes 1.20.2, unless `OPSTWIN_TEST_KUBECONFIG` names another)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.kube.spot import Spot, fresh_namespace, spot_at
from tests.e2e.kube.ward import Ward, ward_at


@pytest.fixture
async def spot(kubeconfig: Path) -> AsyncIterator[Spot]:
    """A namespace of its own, which goes in the end with all that is in it."""
    made = spot_at(kubeconfig, fresh_namespace())
    made.kubectl("create", "namespace", made.namespace)
    await made.until("serviceaccount", "default", lambda found: bool(found["secrets"]) if "secrets" in found else False)
    try:
        yield made
    finally:
        for one in (made, *made.beside):
            await one.writer.close()
        made.kubectl("delete", "namespace", made.namespace, "--wait=false", "--ignore-not-found", check=False)


@pytest.fixture
async def ward(spot: Spot, tmp_path: Path) -> AsyncIterator[Ward]:
    """A hub that follows that namespace."""
    async with ward_at(spot, tmp_path) as made:
        yield made
