"""Commands in containers over a WebSocket (v4 and v5 of the channel protocol), answered by a script."""

import json
from collections.abc import Callable
from typing import Final

from starlette.types import Receive, Scope, Send

from opstwin.targets.sim.kube.asking import Ask, Route
from opstwin.targets.sim.kube.failures import ApiFailure
from opstwin.targets.sim.kube.logs_face import container_of
from opstwin.targets.sim.kube.schema import Doc
from opstwin.targets.sim.kube.world import KubeWorld

_PROTOCOLS: Final = ("v5.channel.k8s.io", "v4.channel.k8s.io")
_OUT, _ERROR_OUT, _STATUS = b"\x01", b"\x02", b"\x03"


async def exec_session(
    world: KubeWorld, routed: Callable[[], Route], ask: Ask, scope: Scope, receive: Receive, send: Send
) -> None:
    """Run one command. What is refused closes the handshake with 403, as the ASGI protocol can say no more."""
    await receive()
    protocol = next((name for name in _PROTOCOLS if name in scope.get("subprotocols", ())), None)
    try:
        found = routed()
        container = container_of(world, found, ask)
    except ApiFailure:
        await send({"type": "websocket.close", "code": 1008})
        return
    if found.subresource != "exec" or protocol is None:
        await send({"type": "websocket.close", "code": 1008})
        return
    await send({"type": "websocket.accept", "subprotocol": protocol})
    command = tuple(value for name, value in ask.many if name == "command")
    code, out, error_out = answered(world, f"{found.namespace}/{found.name}", container, command)
    if command == ("cat",) and ask.flag("stdin"):
        out = await _echo(receive)
    for channel, text in ((_OUT, out), (_ERROR_OUT, error_out)):
        if text:
            await send({"type": "websocket.send", "bytes": channel + text.encode()})
    await send({"type": "websocket.send", "bytes": _STATUS + json.dumps(_status(code)).encode()})
    await send({"type": "websocket.close", "code": 1000})


async def _echo(receive: Receive) -> str:
    """What comes on stdin until it is closed (v5) or a line has come."""
    text = b""
    while True:
        message = await receive()
        data = message.get("bytes") or b""
        if message["type"] != "websocket.receive" or data[:1] == b"\xff":
            return text.decode()
        if data[:1] == b"\x00":
            text += data[1:]
            if text.endswith(b"\n"):
                return text.decode()


def answered(world: KubeWorld, pod: str, container: str, command: tuple[str, ...]) -> tuple[int, str, str]:
    """`(exit code, stdout, stderr)`: what the test set for this command, else what a plain shell would do."""
    for key in ((pod, container, *command), ("*", "*", *command)):
        if key in world.life.answers:
            return world.life.answers[key]
    program = command[0].rpartition("/")[2] if command else ""
    if program == "echo":
        return 0, " ".join(command[1:]) + "\n", ""
    if program in ("true", "false"):
        return (0 if program == "true" else 1), "", ""
    if program in ("cat",):
        return 0, "", ""
    return 127, "", f"exec: {program}: not found\n"


def _status(code: int) -> Doc:
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    return {
        "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
        "message": f"command terminated with non-zero exit code: command terminated with exit code {code}",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }  # fmt: skip
