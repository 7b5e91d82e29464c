"""What stands in the way of a container: a name or a port that is taken."""

import re
from collections.abc import Iterable
from typing import Final

from opstwin.domain.values import ResourceId
from opstwin.errors import OpstwinError, Rejected
from opstwin.targets.docker.composing import objects
from opstwin.targets.docker.defaults import Found
from opstwin.targets.docker.failures import status_of, words_of
from opstwin.targets.docker.steps import Step

_TAKEN: Final = re.compile(r"port is already allocated|address already in use|ports? (?:are|is) not available", re.I)
_PORT: Final = re.compile(
    r"Bind for \S*:(\d+) failed|listen (?:tcp|udp)[46]? \S*:(\d+): bind|bind host port (?:for )?\S*?:(\d+)(?::|/|\b)",
    re.I,
)


def is_name_taken(error: OpstwinError) -> bool:
    """Whether an engine refused a new container because of its name."""
    return status_of(error) == 409 and "already in use by container" in words_of(error)


def is_going(error: OpstwinError) -> bool:
    """Whether an engine refused to remove what it is removing already."""
    return status_of(error) == 409 and "already in progress" in words_of(error)


def is_image_missing(error: OpstwinError) -> bool:
    """Whether an engine does not have the image."""
    return status_of(error) == 404 and "no such image" in words_of(error).lower()


def made_by_another(resource: ResourceId, kind: str, name: str) -> Rejected:
    """The refusal to touch what Opstwin did not make."""
    return Rejected(
        f"There is a {kind} {name} already that Opstwin did not make.",
        next_step=f"Take it over with: opstwin adopt {resource} (or choose another name).",
        details={"field": "name", "name": name},
    )


def made_before(resource: ResourceId, kind: str, name: str) -> Rejected:
    """The refusal to create what another step made, and made differently."""
    return Rejected(
        f"There is a {kind} {name} already, made by another plan.",
        next_step="Look and plan again: opstwin discover",
        details={"field": "name", "name": name, "resource": resource},
    )


async def explained(step: Step, error: OpstwinError) -> OpstwinError:
    """Why a container does not start: for a taken port its number and who has it, else the engine's words."""
    words = words_of(error)
    if not _TAKEN.search(words):
        return error
    port = _port_in(words) or _only_port(step)
    holder = "" if port is None else await _holder(step, port)
    who = f"container {holder}" if holder else "another program or container"
    return Rejected(
        f"Port {port} is taken by {who}." if port else f"A port is taken: {words}.",
        next_step="Choose another port, or stop what has it.",
        details={"field": "ports.host", "port": port, "holder": holder, "engine": words},
    )


def _port_in(words: str) -> int | None:
    match = _PORT.search(words)
    return next((int(group) for group in match.groups() if group), None) if match else None


def _only_port(step: Step) -> int | None:
    hosts = [port.get("host") for port in objects(step.wanted, "ports")]
    numbers = [host for host in hosts if isinstance(host, int)]
    return numbers[0] if len(numbers) == 1 else None


async def _holder(step: Step, port: int) -> str:
    listed: Iterable[Found] = await step.look("container.list", lambda api: api.listed("containers", "json"))
    for item in listed:
        if any(given.get("PublicPort") == port for given in item.get("Ports") or ()):
            return str((item.get("Names") or [""])[0]).removeprefix("/")
    return ""
