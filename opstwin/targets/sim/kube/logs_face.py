"""Logs of containers: what they said when they started, and what a test has them say."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from opstwin.targets.sim.kube.asking import Ask, Route
from opstwin.targets.sim.kube.failures import bad_request, not_found
from opstwin.targets.sim.kube.schema import Doc
from opstwin.targets.sim.kube.store import Key
from opstwin.targets.sim.kube.world import KubeWorld

Line = tuple[datetime, str]


def log_text(world: KubeWorld, found: Route, ask: Ask) -> str:
    """The log of a container so far. Raises 400 and 404 in the server's words."""
    container = container_of(world, found, ask)
    lines = _chosen(_lines(world, found, container), world, ask)
    text = "".join(_shown(line, ask) for line in lines)
    limit = ask.query.get("limitBytes")
    return text[: int(limit)] if limit else text


async def log_lines(world: KubeWorld, found: Route, ask: Ask) -> AsyncIterator[str]:
    """The log of a container, and what it says from now on, until it ends: what starts after that is another log."""
    from opstwin.targets.sim.kube.streams import LONGEST_S, Patience

    container = container_of(world, found, ask)
    bell = world.bell.listen()
    patience = Patience(world, LONGEST_S)
    try:
        start = now = _start(world, found, container)
        lines = _lines(world, found, container)
        yield "".join(_shown(line, ask) for line in _chosen(lines, world, ask))
        last = lines[-1] if lines else None
        while now and now == start and not patience.is_over():
            await patience.wait(bell)
            now = _start(world, found, container)
            for line in _after(_lines(world, found, container), last) if now in (start, "") else ():
                last = line
                yield _shown(line, ask)
    finally:
        world.bell.leave(bell)


def _start(world: KubeWorld, found: Route, container: str) -> str:
    """Which start of the container runs now; empty when none does."""
    pod = world.cluster.store.get(Key("pods", found.namespace, found.name)) or {}
    for item in (pod.get("status") or {}).get("containerStatuses") or []:
        if item["name"] == container and "running" in item["state"]:
            return f"{pod['metadata']['uid']} {item['containerID']}"
    return ""


def container_of(world: KubeWorld, found: Route, ask: Ask) -> str:
    """Which container a request means. Raises 400 and 404."""
    pod = world.cluster.store.get(Key("pods", found.namespace, found.name))
    if pod is None:
        raise not_found("", "pods", found.name)
    names = [item["name"] for item in pod["spec"]["containers"]]
    wanted = ask.query.get("container") or (names[0] if len(names) == 1 else "")
    if not wanted:
        told = " ".join(names)
        raise bad_request(f"a container name must be specified for pod {found.name}, choose one of: [{told}]")
    if wanted not in names:
        raise bad_request(f"container {wanted} is not valid for pod {found.name}")
    _must_have_started(pod, wanted)
    return wanted


def _must_have_started(pod: Doc, name: str) -> None:
    for item in (pod.get("status") or {}).get("containerStatuses") or []:
        waiting = item["state"].get("waiting")
        if item["name"] == name and waiting and not item["restartCount"]:
            why = "trying and failing to pull image" if "Image" in waiting["reason"] else waiting["reason"]
            raise bad_request(f'container "{name}" in pod "{pod["metadata"]["name"]}" is waiting to start: {why}')
    if not (pod.get("status") or {}).get("containerStatuses"):
        raise bad_request(
            f'container "{name}" in pod "{pod["metadata"]["name"]}" is waiting to start: ContainerCreating'
        )


def _lines(world: KubeWorld, found: Route, container: str) -> list[Line]:
    return list(world.life.logs.get((f"{found.namespace}/{found.name}", container), ()))


def _chosen(lines: list[Line], world: KubeWorld, ask: Ask) -> list[Line]:
    since = ask.query.get("sinceTime")
    begin = datetime.fromisoformat(since) if since else None
    seconds = ask.query.get("sinceSeconds")
    if seconds:
        begin = world.clock.now() - timedelta(seconds=int(seconds))
    chosen = [line for line in lines if begin is None or line[0] >= begin]
    tail = ask.query.get("tailLines")
    return chosen[-int(tail) :] if tail and int(tail) else [] if tail else chosen


def _after(lines: list[Line], last: Line | None) -> list[Line]:
    for index in range(len(lines) - 1, -1, -1):
        if lines[index] is last:
            return lines[index + 1 :]
    return lines


def _shown(line: Line, ask: Ask) -> str:
    at, text = line
    stamp = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ ") if ask.flag("timestamps") else ""
    return f"{stamp}{text}\n"
