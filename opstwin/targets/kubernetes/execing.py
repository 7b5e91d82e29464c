"""Running a command in a pod over a WebSocket, without a shell.

Kubernetes has no call that ends a command: when the connection is closed the container runtime may let it go on. So a
command whose time or output is over ends here as `Timeout`, which says that it may run still.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from opstwin.domain.kinds import has_output
from opstwin.domain.values import ResourceId
from opstwin.errors import InvalidInput, NotFound, Rejected, Timeout
from opstwin.logs import redacted
from opstwin.targets.kept_output import KeptOutput
from opstwin.targets.kubernetes.sending import Answer, Call, Frames, Place, Wire
from opstwin.targets.ports import ExecResult

PROTOCOLS: Final = ("v5.channel.k8s.io", "v4.channel.k8s.io")
"""The newer one (1.30) can also close the input; both carry the same channels."""

LOOK_S: Final = 10.0
_STDOUT, _STDERR, _STATUS = 1, 2, 3
_DEFAULT: Final = "kubectl.kubernetes.io/default-container"
_WORDS: Final = 300


class Execs:
    """Runs commands in the pods of one cluster."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def ran(self, resource: ResourceId, argv: Sequence[str], *, timeout_s: float, limit_bytes: int) -> ExecResult:
        """What the command ended with; in a workload, that of the first of its pods that is ready."""
        if not argv or any("\x00" in word for word in argv):
            raise InvalidInput(
                "The command is empty or holds a NUL.", field="argv", next_step="Give a program and its words."
            )
        pod = await self._pod_of(resource)
        place, container = _place_of(pod), _container_of(pod)
        query = [("command", word) for word in argv]
        query += [("container", container), ("stdout", "true"), ("stderr", "true")]
        out = KeptOutput(limit_bytes)
        async with self._wire.dialler.dial(f"{place}/exec", query, PROTOCOLS) as frames:
            if isinstance(frames, Answer):
                raise _not_run(frames, resource)
            try:
                async with asyncio.timeout(timeout_s):
                    return _result(await _until_status(frames, out), out)
            except TimeoutError:
                raise _runs_still(f"The command did not end in {timeout_s:g} s.") from None

    async def _pod_of(self, resource: ResourceId) -> dict[str, Any]:
        _, kind, name = resource.split("/", 2)
        if not has_output(kind) or kind == "container":
            raise Rejected(f"Nothing can be run in a {kind}.", next_step="Name a pod or a workload: opstwin get")
        place = await self._wire.locator.place(kind, name)
        found = await self._got(Call(method="GET", path=place.path, deadline_s=LOOK_S), place)
        if kind == "pod":
            return found
        labels = _at(found, "spec", "selector", "matchLabels")
        selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
        pods = await self._wire.locator.place("pod", name)
        call = Call(method="GET", path=pods.collection, query={"labelSelector": selector}, deadline_s=LOOK_S)
        items = (await self._got(call, pods)).get("items") if selector else None
        running = sorted(
            (item for item in items or [] if _runs(item)), key=lambda item: (not _is_ready(item), _name(item))
        )
        if not running:
            raise NotFound(f"No pod of {place.words} runs.", next_step=f"See why: opstwin get {resource}")
        return dict(running[0])

    async def _got(self, call: Call, place: Place) -> dict[str, Any]:
        answer = await self._wire.sender.send(call)
        if answer.status == 404:
            raise NotFound(f"{place.words} is not there.", next_step="See what is there: opstwin get")
        if not answer.ok:
            raise _not_run(answer, place.words)
        return answer.body


async def _until_status(frames: Frames, out: KeptOutput) -> Mapping[str, Any]:
    """Keep what is written until the server says how it ended."""
    while (message := await frames.read()) is not None:
        channel, data = message[:1], message[1:]
        if channel == bytes([_STATUS]):
            return _status(data)
        name = {_STDOUT: "stdout", _STDERR: "stderr"}.get(channel[0] if channel else 0)
        if name:
            out.add(name, data)
        if out.is_flood:
            raise _runs_still("The command wrote far more than anybody reads, and was left.")
    raise _runs_still("The connection broke off before the command ended.")


def _status(data: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(data)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {}


def _result(status: Mapping[str, Any], out: KeptOutput) -> ExecResult:
    code = 0 if status.get("status") == "Success" else _exit_code(status)
    if code is None:
        said = redacted(str(status.get("message", "")))[:_WORDS].rstrip(".")
        raise Rejected(f"The command was not started: {said}.", next_step="Name a program that is in the container.")
    return ExecResult(exit_code=code, stdout=out.stdout, stderr=out.stderr, truncated=out.is_cut)


def _exit_code(status: Mapping[str, Any]) -> int | None:
    causes = _at(status, "details").get("causes")
    for cause in causes if isinstance(causes, list) else []:
        text = str(cause.get("message", "")) if isinstance(cause, dict) else ""
        if isinstance(cause, dict) and cause.get("reason") == "ExitCode" and text.isascii() and text.isdigit():
            return int(text)
    return None


def _not_run(answer: Answer, what: str) -> NotFound | Rejected:
    said = redacted(answer.said or f"status {answer.status}")[:_WORDS].rstrip(".")
    if answer.status == 404:
        return NotFound(f"{what} is not there: {said}.", next_step="See what is there: opstwin get")
    return Rejected(
        f"The cluster refused to run a command in {what}: {said}.",
        next_step="Grant the hub's account create on pods/exec, or see: opstwin targets test <target>",
        details={"status": answer.status, "server": said},
    )


def _runs_still(why: str) -> Timeout:
    return Timeout(
        f"{why} Kubernetes cannot end a command: it may be running still.",
        next_step="See what runs in the pod; delete the pod to be sure that the command ended.",
    )


def _place_of(pod: Mapping[str, Any]) -> str:
    metadata = _at(pod, "metadata")
    return f"/api/v1/namespaces/{metadata.get('namespace')}/pods/{metadata.get('name')}"


def _container_of(pod: Mapping[str, Any]) -> str:
    chosen = _at(pod, "metadata", "annotations").get(_DEFAULT)
    containers = _at(pod, "spec").get("containers")
    first = containers[0].get("name", "") if isinstance(containers, list) and containers else ""
    return str(chosen or first)


def _runs(pod: Mapping[str, Any]) -> bool:
    return bool(_at(pod, "status").get("phase") == "Running" and not _at(pod, "metadata").get("deletionTimestamp"))


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = _at(pod, "status").get("conditions")
    return any(
        item.get("type") == "Ready" and item.get("status") == "True"
        for item in (conditions if isinstance(conditions, list) else [])
        if isinstance(item, dict)
    )


def _name(pod: Mapping[str, Any]) -> str:
    return str(_at(pod, "metadata").get("name", ""))


def _at(value: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    for step in path:
        found = value.get(step)
        value = found if isinstance(found, dict) else {}
    return value
