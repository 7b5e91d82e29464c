"""Building the driver of one target; nothing is connected by it."""

from collections.abc import Callable
from typing import Final

from opstwin.clock import Clock
from opstwin.domain.target import Target
from opstwin.errors import InvalidInput
from opstwin.targets.docker.engine import Engine, Place
from opstwin.targets.docker.finding import Finder
from opstwin.targets.docker.images import Images
from opstwin.targets.docker.reading import DockerReader
from opstwin.targets.docker.writing import DockerWriter
from opstwin.targets.ports import Driver
from opstwin.targets.rendering import ContainerRenderer
from opstwin.targets.secrets import SecretSource

CALL_TIMEOUT_S: Final = 10.0
"""What one look may take. Engines answer in milliseconds; under heavy load seconds were seen."""

STOP_GRACE_S: Final = 10
"""Docker's own default between SIGTERM and SIGKILL."""

_SCHEMES: Final = ("unix", "tcp", "http", "https")


def docker_driver(
    target: Target,
    *,
    secrets: SecretSource,
    on_call: Callable[[str], None],
    clock: Clock,
    stop_grace_s: int = STOP_GRACE_S,
) -> Driver:
    """Reader, renderer and writer for one engine.

    `on_call` hears of every API call as `operation:outcome`, such as `container.create:ok`. Of `target.settings`,
    `call_timeout_s` (seconds one look may take), `stop_grace_s` (seconds a container gets to stop; before the
    argument), and for TLS `ca_file`, `cert_file` and `key_file` are used. Raises `InvalidInput` naming the field.
    """
    timeout_s = _number(target, "call_timeout_s", CALL_TIMEOUT_S, 0.1, 600)
    engine = Engine(_place(target), on_call=on_call, timeout_s=timeout_s)
    finder = Finder(target.id, engine, Images(engine))
    grace_s = int(_number(target, "stop_grace_s", stop_grace_s, 0, 600))
    return Driver(
        reader=DockerReader(finder, clock),
        renderer=ContainerRenderer(target.id),
        writer=DockerWriter(finder, secrets, stop_grace_s=grace_s),
    )


def _place(target: Target) -> Place:
    scheme = target.agent_endpoint.partition(":")[0]
    if scheme not in _SCHEMES:
        raise InvalidInput(
            f"A Docker Engine is not reached by {scheme}.",
            field="agent_endpoint",
            next_step="Use unix:///var/run/docker.sock or tcp://host:2376.",
        )
    if target.auth_method == "api_key":
        raise InvalidInput("Docker Engines know no API keys.", field="auth_method", next_step="Use mtls or none.")
    files = {name: target.settings.get(name, "") for name in ("ca_file", "cert_file", "key_file")}
    if target.auth_method == "mtls" and not all(files.values()):
        missing = next(name for name, value in files.items() if not value)
        raise InvalidInput(
            f"Target {target.id} needs {missing} for TLS.",
            field=f"settings.{missing}",
            next_step="Name the PEM files in settings: ca_file, cert_file, key_file.",
        )
    return Place(endpoint=target.agent_endpoint, **files)


def _number(target: Target, name: str, default: float, least: float, most: float) -> float:
    text = target.settings.get(name, "")
    try:
        value = float(text) if text else default
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise InvalidInput(
            f"{name} of target {target.id} must be {least:g} to {most:g} seconds.",
            field=f"settings.{name}",
            next_step=f"Correct it, for example {default:g}.",
        )
    return value
