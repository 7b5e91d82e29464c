"""A real API server and the fake of the same minor version, each with an HTTP client of an administrator."""

import asyncio
import base64
import ssl
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from ruamel.yaml import YAML

from opstwin.clock import SystemClock
from opstwin.targets.sim.kube.catalogue import VERSIONS
from opstwin.targets.sim.kube.serving import serving
from opstwin.targets.sim.kube.world import KubeWorld

DEADLINE_S = 60.0


@dataclass
class Server:
    """One server, with a namespace for one test."""

    client: httpx2.AsyncClient
    namespace: str

    async def until(self, path: str, test: Callable[[int, Any], bool]) -> Any:
        """What a path shows once `test(code, document)` holds. Fails after a minute."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                reply = await self.client.get(path.replace("{ns}", self.namespace))
                found = reply.json()
                if test(reply.status_code, found):
                    return found
                await asyncio.sleep(0.1)

    async def begin(self) -> None:
        """Make the namespace, and wait for what comes with it."""
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
        assert (await self.client.post("/api/v1/namespaces", json=body)).status_code == 201
        await self.until("/api/v1/namespaces/{ns}/serviceaccounts/default", lambda code, _: code == 200)
        await self.until("/api/v1/namespaces/{ns}/configmaps/kube-root-ca.crt", lambda code, _: code == 200)

    async def end(self) -> None:
        """Have the namespace go."""
        await self.client.delete(f"/api/v1/namespaces/{self.namespace}")


@dataclass
class Both:
    """The real server and the fake."""

    real: Server
    fake: Server

    async def each(self, course: Callable[[Server], Awaitable[Any]]) -> tuple[Any, Any]:
        """What the same course comes to on the one and on the other."""
        return await course(self.real), await course(self.fake)


def client_of(kubeconfig: Path) -> httpx2.AsyncClient:
    """A client for a kubeconfig that holds a token or a client certificate."""
    config = YAML(typ="safe", pure=True).load(kubeconfig.read_text())
    current = next(item["context"] for item in config["contexts"] if item["name"] == config["current-context"])
    cluster = next(item["cluster"] for item in config["clusters"] if item["name"] == current["cluster"])
    user = next(item["user"] for item in config["users"] if item["name"] == current["user"])
    data = cluster.get("certificate-authority-data")
    context = ssl.create_default_context(
        cafile=cluster.get("certificate-authority"), cadata=base64.b64decode(data).decode() if data else None
    )
    if "client-certificate" in user:
        context.load_cert_chain(user["client-certificate"], user["client-key"])
    headers = {"authorization": f"Bearer {user['token']}"} if "token" in user else {}
    return httpx2.AsyncClient(base_url=cluster["server"], headers=headers, verify=context, timeout=30)


@pytest.fixture
async def both(kubeconfig: Path) -> AsyncIterator[Both]:
    """Both servers, each with a namespace of its own for this test."""
    async with client_of(kubeconfig) as real:
        minor = int((await real.get("/version")).json()["minor"].rstrip("+"))
        near = max((known for known in VERSIONS if known <= minor), default=VERSIONS[0])
        async with (
            serving(KubeWorld(SystemClock(), f"1.{near}")) as served,
            httpx2.AsyncClient(base_url=served.url, timeout=30) as fake,
        ):
            name = f"truth-{uuid.uuid4().hex[:8]}"
            made = Both(Server(real, name), Server(fake, name))
            await made.real.begin()
            await made.fake.begin()
            try:
                yield made
            finally:
                await made.real.end()
