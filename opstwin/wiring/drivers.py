"""One driver for each target, built when first needed and built anew when the target's address or settings change."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from zlib import crc32

from opstwin.clock import Clock
from opstwin.configuration import config_files
from opstwin.domain.target import Target
from opstwin.errors import InvalidInput
from opstwin.settings import Settings
from opstwin.targets.ports import Driver, Previewer, Reader, Renderer, Writer
from opstwin.targets.secrets import HubSecrets

OnCall = Callable[[str, str, str], None]
"""Told of each call to a target: backend, operation, outcome."""

_OWN_PREFIX: Final = "OPSTWIN_"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverPool:
    """Readers for everybody, writers for the `Applier`; both of one driver per target.

    `hidden` are the hub's own files and folders, which no command on the host may see.
    """

    clock: Clock
    secrets: HubSecrets
    stop_grace_s: int
    on_call: OnCall
    hidden: tuple[Path, ...] = ()
    _built: dict[str, tuple[object, Driver]] = field(default_factory=dict)
    _retired: list[Driver] = field(default_factory=list)

    def reader(self, target: Target) -> Reader:
        """See `opstwin.control.drivers.Readers`."""
        return self._driver(target).reader

    def renderer(self, target: Target) -> Renderer:
        """See `opstwin.control.drivers.Readers`."""
        return self._driver(target).renderer

    def previewer(self, target: Target) -> Previewer | None:
        """See `opstwin.control.drivers.Readers`."""
        return self._driver(target).previewer

    def writer(self, target: Target) -> Writer:
        """See `opstwin.control.applying.Writers`."""
        return self._driver(target).writer

    async def close(self) -> None:
        """Close every driver."""
        for driver in [*self._retired, *(built for _, built in self._built.values())]:
            await driver.writer.close()
        self._built.clear()
        self._retired.clear()

    def _driver(self, target: Target) -> Driver:
        address = (target.backend_type, target.agent_endpoint, sorted(target.settings.items()))
        kept = self._built.get(target.id)
        if kept is None or kept[0] != address:
            if kept is not None:
                self._retired.append(kept[1])  # steps may still run on it
            kept = (address, self._build(target))
            self._built[target.id] = kept
        return kept[1]

    def _build(self, target: Target) -> Driver:
        if target.backend_type == "docker":
            return self._docker(target)
        if target.backend_type == "sim":
            return self._sim(target)
        if target.backend_type == "host":
            return self._host(target)
        if target.backend_type == "kubernetes":
            return self._kubernetes(target)
        raise InvalidInput(
            f"No driver for {target.backend_type} is installed.",
            field="backend_type",
            next_step="Use a docker, kubernetes, host or sim target.",
            details={"target": target.id},
        )

    def _docker(self, target: Target) -> Driver:
        from opstwin.targets.docker.driver import docker_driver

        def counted(call: str) -> None:
            operation, _, outcome = call.partition(":")
            self.on_call("docker", operation, outcome or "ok")

        return docker_driver(
            target, secrets=self.secrets, on_call=counted, clock=self.clock, stop_grace_s=self.stop_grace_s
        )

    def _kubernetes(self, target: Target) -> Driver:
        from opstwin.targets.kubernetes.driver import kubernetes_driver

        def counted(call: str) -> None:
            operation, _, outcome = call.partition(":")
            self.on_call("kubernetes", operation, outcome or "ok")

        return kubernetes_driver(target, secrets=self.secrets, clock=self.clock, on_call=counted)

    def _host(self, target: Target) -> Driver:
        from opstwin.targets.host.driver import host_driver
        from opstwin.targets.host.sandbox import Sandbox

        return host_driver(target, clock=self.clock, sandbox=Sandbox(hidden=self.hidden))

    def _sim(self, target: Target) -> Driver:
        from opstwin.targets.sim.driver import opened_world, sim_driver

        path = urlsplit(target.agent_endpoint).path
        world = opened_world(
            Path(path) if path.strip("/") else None, clock=self.clock, seed=crc32(f"{target.id} {path}".encode())
        )  # another seed, another machine
        return sim_driver(target, world, clock=self.clock)


def own_places(settings: Settings, environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Where the hub keeps its data, settings and secrets, and what else its account holds."""
    named = [environ.get(name, "") for name in ("KUBECONFIG", "DOCKER_CONFIG", "OPSTWIN_CONFIG")]
    sockets = [settings.docker_socket.removeprefix("unix://")] if settings.docker_socket.startswith("unix://") else []
    found = [Path(name) for text in (*named, *sockets) for name in text.split(os.pathsep) if name]
    return (settings.data_dir, settings.secrets_folder, Path.home(), *config_files(environ), *found)


def hub_secrets(environ: Mapping[str, str], folder: Path) -> HubSecrets:
    """Secrets for workloads: the hub's variables, except its own settings, and the files of its secrets folder."""
    return HubSecrets({key: value for key, value in environ.items() if not key.startswith(_OWN_PREFIX)}, folder)
