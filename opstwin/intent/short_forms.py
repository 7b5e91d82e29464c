"""Values in the short forms that people know: `8080:80`, `data:/data:ro`, `KEY=VALUE`, a command on one line."""

import ipaddress
import re
import shlex
from typing import Final

from opstwin.domain.workload import Mount, Port, RestartPolicy
from opstwin.errors import InvalidInput

_PORT: Final = re.compile(
    r"(?:(?:(?P<address>[0-9.]{7,15}|\[[0-9a-fA-F:.]{2,45}\]):)?(?P<host>[0-9]{1,9}):)?"
    r"(?P<last>[0-9]{1,9})(?:/(?P<protocol>[a-z]{1,8}))?",
    re.ASCII,
)
_PORT_HINT: Final = "Write it like 8080, 8080:80, 8080:80/udp or 127.0.0.1:8080:80."
_MOUNT_HINT: Final = "Write it like data:/data, data:/data:ro or /srv/data:/data."


def read_port(text: str, field: str = "ports") -> Port:
    """`8080` publishes on 8080 and leaves the container's port to the image; `8080:80` says both."""
    match = _PORT.fullmatch(text)
    if match is None:
        raise InvalidInput(f"{field} {text[:80]!r} is not a port.", field=field, next_step=_PORT_HINT)
    protocol = match["protocol"] or "tcp"
    if match["host"] is None:
        return Port(host=int(match["last"]), protocol=protocol)
    host, container = int(match["host"]), int(match["last"])
    if match["address"] is None:
        return Port(host=host, container=container, protocol=protocol)
    return Port(host=host, container=container, protocol=protocol, address=read_address(match["address"], field))


def read_address(text: str, field: str) -> str:
    """An IP address, for IPv6 also in brackets; names are refused because they could mean another address later."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError as error:
        raise InvalidInput(
            f"{field} {text[:80]!r} is not an IP address.", field=field, next_step="Use an address such as 127.0.0.1."
        ) from error


def read_mount(text: str, field: str = "volumes") -> Mount:
    """`volume:/path[:ro|rw]`, or a path of the host in place of the volume."""
    source, _, rest = text.partition(":")
    path, _, mode = rest.partition(":")
    if not source or not path or mode not in ("", "ro", "rw") or (mode == "" and rest.endswith(":")):
        raise InvalidInput(f"{field} {text[:80]!r} is not a volume.", field=field, next_step=_MOUNT_HINT)
    if source.startswith(("/", ".", "~")):
        return Mount(path=path, host_path=source, read_only=mode == "ro")
    return Mount(path=path, volume=source, read_only=mode == "ro")


def read_policy(text: str) -> RestartPolicy:
    """The restart policy of this name. Raises `InvalidInput` that lists them."""
    known = {policy.value: policy for policy in RestartPolicy}
    if text not in known:
        raise InvalidInput(
            f"restart {text[:80]!r} is not a policy.", field="restart", next_step=f"Use one of: {', '.join(known)}."
        )
    return known[text]


def split_words(value: str) -> list[str]:
    """The words of a command line, quotes respected, without a shell. Raises `InvalidInput`."""
    try:
        return shlex.split(value)
    except ValueError as error:
        raise InvalidInput(
            "command has a quote that is never closed.", field="command", next_step="Write it as a list."
        ) from error


def pair_of(text: str) -> tuple[str, str]:
    """`KEY=VALUE` in two. Raises `InvalidInput`, which does not repeat the text: it may hold a secret."""
    key, equals, value = text.partition("=")
    if not equals:
        raise InvalidInput("A variable has no value.", field="env", next_step="Write it as KEY=VALUE.")
    return key, value


def short_port(port: Port) -> str | None:
    """The short form of `port`, or None when it has none."""
    protocol = "" if port.protocol == "tcp" else f"/{port.protocol}"
    if port.host is None:
        return None
    if port.address == "0.0.0.0":  # noqa: S104 - the default, left out
        return f"{port.host}{protocol}" if port.container is None else f"{port.host}:{port.container}{protocol}"
    address = f"[{port.address}]" if ":" in port.address else port.address
    text = f"{address}:{port.host}:{port.container}{protocol}"
    return text if port.container is not None and _PORT.fullmatch(text) else None


def short_mount(mount: Mount) -> str | None:
    """The short form of `mount`, or None when a colon in a path leaves it without one."""
    source = mount.volume if mount.volume is not None else mount.host_path
    if source is None or ":" in source or ":" in mount.path:
        return None
    return f"{source}:{mount.path}{':ro' if mount.read_only else ''}"
