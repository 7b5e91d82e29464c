"""Serves a world on a port of this machine, in the running event loop."""

import asyncio
import base64
import json
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvicorn

from opstwin.targets.sim.kube.certificates import Certificate, self_signed
from opstwin.targets.sim.kube.web import KubeApp
from opstwin.targets.sim.kube.world import ADMIN_TOKEN, KubeWorld

PULSE_S: Final = 0.05
"""How often a served world looks whether its clock has moved."""


@dataclass(frozen=True, slots=True)
class Served:
    """A world that is being served."""

    url: str
    certificate: Certificate | None
    world: KubeWorld

    def kubeconfig_text(
        self, token: str | None = ADMIN_TOKEN, *, namespace: str = "default", context: str = "fake"
    ) -> str:
        """A kubeconfig (JSON, which is YAML) for this server with one user's token."""
        cluster: dict[str, str] = {"server": self.url}
        if self.certificate is not None:
            cluster["certificate-authority-data"] = base64.b64encode(self.certificate.pem).decode()
        return json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": context, "preferences": {},
            "clusters": [{"name": "fake", "cluster": cluster}],
            "users": [{"name": "somebody", "user": {"token": token} if token else {}}],
            "contexts": [{"name": context, "context": {"cluster": "fake", "user": "somebody", "namespace": namespace}}],
        }, indent=1)  # fmt: skip

    def write_kubeconfig(self, path: Path, token: str | None = ADMIN_TOKEN) -> Path:
        """Write the kubeconfig to a file that only its owner may read. Returns the path."""
        path.touch(mode=0o600)
        path.write_text(self.kubeconfig_text(token), encoding="utf-8")
        return path


@asynccontextmanager
async def serving(world: KubeWorld, *, tls: bool = False, token: bool | None = None) -> AsyncIterator[Served]:
    """Serve `world` on a free port of 127.0.0.1, by HTTP or with `tls` by HTTPS, until the block ends.

    `token` says whether callers must show one: by default with TLS only, as stock clients send none without.
    """
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    certificate = await asyncio.to_thread(self_signed) if tls else None
    config = uvicorn.Config(
        KubeApp(world, token=tls if token is None else token),
        log_level="error",
        lifespan="off",
        access_log=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
        ws="websockets-sansio",
        ws_max_size=1 << 20,
        timeout_keep_alive=75,
    )
    with _certificate_files(certificate, config):
        server = uvicorn.Server(config)
        server.capture_signals = _no_signals  # type: ignore[method-assign]
        tasks = [asyncio.create_task(server.serve(sockets=[held])), asyncio.create_task(_pulse(world))]
        try:
            while not server.started:
                if tasks[0].done():
                    tasks[0].result()
                await asyncio.sleep(0.005)
            scheme = "https" if tls else "http"
            yield Served(f"{scheme}://127.0.0.1:{held.getsockname()[1]}", certificate, world)
        finally:
            await _ended(server, world, tasks)


async def _ended(server: uvicorn.Server, world: KubeWorld, tasks: list[asyncio.Task[None]]) -> None:
    world.epoch += 1
    world.bell.ring()
    server.should_exit = True
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _pulse(world: KubeWorld) -> None:
    """Let the world go on with its clock even when nobody asks."""
    while True:
        world.settle()
        await asyncio.sleep(PULSE_S)


@contextmanager
def _certificate_files(certificate: Certificate | None, config: uvicorn.Config) -> Iterator[None]:
    """Give uvicorn its certificate in files that are there only while it reads them."""
    if certificate is None:
        yield
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, pem in (("cert", certificate.pem), ("key", certificate.key_pem)):
            (Path(folder) / name).write_bytes(pem)
        config.ssl_certfile, config.ssl_keyfile = f"{folder}/cert", f"{folder}/key"
        yield


@contextmanager
def _no_signals() -> Iterator[None]:
    """The process's signals are not the fake's."""
    yield
