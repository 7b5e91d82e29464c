"""How the hub gets to a cluster: what the environment says of proxies and passwords, and a kubeconfig that changes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from opstwin.clock import VirtualClock
from opstwin.domain.plan import Change, Op
from opstwin.domain.resource import Presence
from opstwin.domain.values import resource_id
from opstwin.errors import TargetError
from opstwin.targets.kubernetes.connecting import LOOK_S, Address, Connection
from opstwin.targets.ports import Order
from tests.unit.targets.kubernetes.clusters import PROD, Cluster, cluster

PATH = "/api/v1/namespaces/kube-system"


@asynccontextmanager
async def proxy() -> AsyncIterator[tuple[str, list[str]]]:
    """A proxy that passes nothing on, and the first lines of what it was asked."""
    asked: list[str] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readline()).decode())
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


async def is_there(here: Cluster) -> bool:
    return bool((await here.driver.reader.info()).identity)


async def test_a_password_for_the_same_host_in_netrc_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    async with cluster(tmp_path) as here:
        assert await is_there(here)


async def test_the_proxy_that_the_environment_names_is_asked_but_for_what_it_exempts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with proxy() as (address, asked):
        monkeypatch.setenv("http_proxy", address)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        async with cluster(tmp_path) as here:
            with pytest.raises(TargetError):
                await is_there(here)
            assert asked[0].split()[1] == f"{here.served.url}{PATH}"
        asked.clear()
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        (tmp_path / "kubeconfig").unlink()
        async with cluster(tmp_path) as here:
            assert await is_there(here)
        assert asked == []


async def test_the_proxy_that_a_kubeconfig_names_is_asked(tmp_path: Path) -> None:
    async with proxy() as (address, asked), cluster(tmp_path) as here:
        config = json.loads(here.kubeconfig.read_text())
        config["clusters"][0]["cluster"]["proxy-url"] = address
        here.kubeconfig.write_text(json.dumps(config))
        with pytest.raises(TargetError):
            await is_there(here)
        assert asked[0].split()[1] == f"{here.served.url}{PATH}"


async def test_a_kubeconfig_is_looked_at_once_a_second_and_at_once_after_a_refusal(tmp_path: Path) -> None:
    async with cluster(tmp_path) as here:
        clock = VirtualClock()
        connection = Connection(Address(file=here.kubeconfig), clock)
        first = await connection.client()
        here.use("another")
        assert await connection.client() is first
        clock.advance(LOOK_S)
        second = await connection.client()
        assert second is not first
        here.use("a third")
        connection.refused()
        assert await connection.client() is not second
        await connection.close()


@pytest.mark.parametrize("kind", ["configmap", "deployment"])
async def test_what_a_write_returns_is_what_a_look_shows(tmp_path: Path, kind: str) -> None:
    names = {"configmap": ("v1", "ConfigMap"), "deployment": ("apps/v1", "Deployment")}
    body = {
        "configmap": {"data": {"LEVEL": "info"}},
        "deployment": {"spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}},
                         "spec": {"containers": [{"name": "web", "image": "shop:1"}]}},
        }},
    }[kind]  # fmt: skip
    version, name = names[kind]
    after = {"apiVersion": version, "kind": name, "metadata": {"name": "web", "namespace": "default"}, **body}
    resource = resource_id(PROD, kind, "default/web")
    change = Change(resource=resource, target=PROD, kind=kind, name="default/web", op=Op.CREATE, after=after)
    async with cluster(tmp_path) as here:
        written = await here.driver.writer.apply(Order(change=change, key="exec_1.0", fence=1, deadline_s=30))
        assert written.presence is Presence.PRESENT
        assert written == await here.driver.reader.observe(resource)
