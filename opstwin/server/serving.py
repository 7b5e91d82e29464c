"""Running the hub: one process per data directory, its files closed to others, its address left where the CLI looks."""

import asyncio
import contextlib
import errno
import fcntl
import gc
import getpass
import json
import os
import re
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from opstwin.control.people import People
from opstwin.domain.access import Actor, ActorKind, Principal, Scope
from opstwin.errors import Conflict, InvalidInput, StoreError, Unauthenticated
from opstwin.logs import configure_logs, logger
from opstwin.settings import Settings

if TYPE_CHECKING:
    import uvicorn

    from opstwin.wiring.hub import Hub

HUB_FILE: Final = "hub.json"
"""Where `opstwin.cli.context` finds the running hub: its URL and a token of the person who started it."""

STOP_WITHIN_S: Final = 10
"""How long requests under way may take to end when the hub is told to stop."""

COLLECT_AFTER: Final = 20_000
"""New objects between two collections of the youngest: some 5 MB."""

STOPPED: Final = Actor(kind=ActorKind.SCHEDULE, id="hub", face="stop")
"""Who ends the token of a hub that stops."""

Ready = Callable[[str, str], None]
"""Told once the hub answers: its URL and the one-time login link."""


def serve(settings: Settings, ready: Ready, *, any_port: bool = False) -> None:
    """Run a hub until it is told to stop. Where the port is taken, `any_port` takes a free one.

    Raises `Conflict` when another one runs on this data directory, `InvalidInput` for an address that cannot be used.
    """
    configure_logs(settings.log_level, settings.log_format)
    os.umask(0o077)
    _make_folder(settings.data_dir)
    with _alone(settings.data_dir):
        asyncio.run(_serve(settings, ready, any_port))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise InvalidInput(
            f"The data directory {folder} cannot be made: {error.strerror}.",
            field="data_dir", next_step="Set OPSTWIN_DATA_DIR to a folder that you may write to.",
        ) from error  # fmt: skip


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the data directory for this process; the lock ends with it, however it ends."""
    with (folder / "hub.lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Conflict(
                "A hub runs on this data directory already.",
                next_step="Use it, stop it, or set OPSTWIN_DATA_DIR to another folder.",
            ) from error
        yield


async def _serve(settings: Settings, ready: Ready, any_port: bool) -> None:
    import uvicorn

    from opstwin.server.app import create_app
    from opstwin.server.instruments import Instruments
    from opstwin.server.stopping import StoppableServer
    from opstwin.wiring.clusters import check_clusters, import_clusters
    from opstwin.wiring.hub import STARTER, detect_docker, open_hub

    check_clusters(settings)
    instruments = Instruments()
    with listening(settings.host, settings.port, any_port=any_port) as listener:
        settings = settings.model_copy(update={"port": listener.getsockname()[1]})
        url = _url(settings.host, settings.port)
        async with open_hub(settings, on_call=instruments.on_call, sole=settings.replicas == 1) as hub:
            owner = await _owner(hub.services.people)
            await detect_docker(hub)
            await import_clusters(settings, hub.services.places, STARTER)
            app = create_app(hub.services, instruments=instruments, talks=hub.talks)
            config = uvicorn.Config(
                app, log_config=None, access_log=False, lifespan="on", server_header=False, http="h11",
                timeout_graceful_shutdown=STOP_WITHIN_S,
            )  # fmt: skip
            server = StoppableServer(config, app.state.streams)
            _collect_seldom()
            await _run(hub, server, listener, lambda: _announce(settings, hub, owner, url, ready))


def _collect_seldom() -> None:
    """Leave what was loaded at the start out of garbage collection, and collect after more has been made.

    Answers are made of many short-lived objects without cycles; CPython's default of 700 looks at them, and at a large
    twin, far too often.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 20)


async def _run(
    hub: "Hub", server: "uvicorn.Server", listener: socket.socket, announce: Callable[[], Awaitable[Path]]
) -> None:
    """Serve and run the loops until told to stop; a loop that fails stops the hub, so that a supervisor sees it."""
    loops = asyncio.create_task(hub.run())
    loops.add_done_callback(lambda _: setattr(server, "should_exit", True))
    listener.listen(2048)
    file: Path | None = None
    try:
        # A hub that has said where it is may be told to stop before it serves: that too is a clean stop.
        with server.capture_signals():
            file = await announce()
            await server.serve(sockets=[listener])
    finally:
        if file is not None:
            with contextlib.suppress(StoreError):
                await _revoke_left_over(hub.services.people, file, STOPPED)
            file.unlink(missing_ok=True)
        loops.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await loops


async def _announce(settings: Settings, hub: "Hub", owner: Principal, url: str, ready: Ready) -> Path:
    people = hub.services.people
    me = Actor(kind=ActorKind.PERSON, id=owner.id, face="start")
    file = settings.data_dir / HUB_FILE
    await _revoke_left_over(people, file, me)
    token = await people.issue_token(owner.id, me)
    login = await people.login_code(owner.id, me)
    draft = file.with_suffix(".new")
    draft.write_text(json.dumps({"url": url, "token": token.secret, "pid": os.getpid()}), encoding="utf-8")
    draft.chmod(0o600)
    draft.replace(file)
    ready(url, f"{url}/login?code={login.secret}")
    return file


async def _revoke_left_over(people: People, file: Path, actor: Actor) -> None:
    """End the token that a hub left in its file: this one as it stops, or one that was killed before."""
    try:
        secret = str(json.loads(await asyncio.to_thread(file.read_text, encoding="utf-8"))["token"])
        _, credential = await people.authenticate(secret)
    except (OSError, ValueError, KeyError, TypeError, Unauthenticated):
        return
    await people.revoke(credential.id, actor)


async def _owner(people: People) -> Principal:
    """The person who starts the hub: made at the first start, with every scope."""
    name = re.sub(r"[^a-z0-9]+", "-", _user_name().lower()).strip("-")[:32] or "owner"
    for principal in await people.all():
        if principal.id == name and principal.kind is ActorKind.PERSON:
            return principal
    from opstwin.wiring.hub import STARTER

    return await people.create_person(name, name.title(), STARTER, scopes=frozenset(Scope))


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "owner"


@contextlib.contextmanager
def listening(host: str, port: int, *, any_port: bool = False) -> Iterator[socket.socket]:
    """A socket on the port, or with `any_port` on a free one where that is taken. Raises `InvalidInput`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named, as asyncio sends small answers at once (TCP_NODELAY) only where it is: 40 ms a call.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            _bind(listener, host, port, any_port)
        except OSError as error:
            raise InvalidInput(
                f"Port {port} of {host} cannot be used: {error.strerror}.",
                field="port",
                next_step="Use another, or any that is free: opstwin up --any-port",
            ) from error
        yield listener


def _bind(listener: socket.socket, host: str, port: int, any_port: bool) -> None:
    try:
        listener.bind((host, port))
    except OSError as error:
        if not any_port or error.errno != errno.EADDRINUSE:
            raise
        listener.bind((host, 0))
        logger().warning("port_taken", port=port, instead=listener.getsockname()[1])


def _url(host: str, port: int) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104 - how to reach oneself
    return f"http://{shown}:{port}"


def restore_backup(settings: Settings, backup: Path, *, replace: bool) -> None:
    """Put a backup in place of the twin.

    Raises `Conflict` while a hub runs, or when a twin stands there and `replace` is not set.
    """
    from opstwin.twin.opening import restore

    _make_folder(settings.data_dir)
    with _alone(settings.data_dir):
        if (settings.data_dir / "twin.db").exists() and not replace:
            raise Conflict("There is a twin already.", next_step="Add --yes to replace it.")
        asyncio.run(restore(settings.url, backup))
