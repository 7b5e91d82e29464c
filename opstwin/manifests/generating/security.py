"""What a container may do: as little as its image is known to need."""

import re
from dataclasses import dataclass
from typing import Final

from opstwin.domain.pod_settings import ALL_CAPABILITIES
from opstwin.domain.values import Json
from opstwin.manifests.generating.images import USERS, Known, user_of
from opstwin.manifests.generating.info import ContainerInfo
from opstwin.manifests.generating.options import GenerateOptions
from opstwin.manifests.generating.results import Level, Notes

ROOT_NEEDS: Final = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID")
"""What entry scripts that begin as root use to hand folders to another user and to become that user. All of them are
allowed by the Pod Security level `baseline`."""

_LOW_PORT: Final = "NET_BIND_SERVICE"
_USER: Final = re.compile(r"([0-9]{1,10})(?::([0-9]{1,10}))?")
_MAX_ID: Final = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """As whom the image runs. `user` None means not known; 0 is root. `named` is a name that stands for no number."""

    user: int | None = None
    group: int | None = None
    source: str = "default"
    named: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether it is known not to be root."""
        return self.user is not None and self.user != 0


def identity_of(info: ContainerInfo, options: GenerateOptions, known: Known | None) -> Identity:
    """From the user that was asked for or the image's own, else from what is known of the image."""
    said = info.run_as or (info.user if info.user is not None else options.image_user)
    source = "request" if info.run_as else "image user"
    name = (said or "").partition(":")[0]
    match = _USER.fullmatch(said or "")
    if match is not None and 0 < int(match[1]) <= _MAX_ID:
        return Identity(user=int(match[1]), group=int(match[2]) if match[2] else None, source=source)
    if name in USERS:
        return Identity(user=USERS[name], source=source)
    pair = user_of(info.image, known) if known is not None and not info.run_as else None
    if pair is not None:
        return Identity(user=pair[0], group=pair[1], source="image")
    if name and name != "root" and match is None:
        return Identity(named=name, source=source)
    if said is None and known is not None and known.root_capabilities:
        return Identity(user=0, source="image")
    return Identity(user=0 if said is not None else None, source=source if said is not None else "default")


def pod_security(identity: Identity, *, has_claims: bool, notes: Notes) -> dict[str, Json]:
    """The `securityContext` of the pod."""
    context: dict[str, Json] = {"seccompProfile": {"type": "RuntimeDefault"}}
    notes.why("securityContext.seccompProfile.type", "RuntimeDefault", "seccomp", "default")
    if identity.is_plain:
        context["runAsNonRoot"] = True
        context["runAsUser"] = identity.user
        notes.why("securityContext.runAsUser", identity.user, "non_root", identity.source)
        if identity.group is not None:
            context["runAsGroup"] = identity.group
        if has_claims:
            context["fsGroup"] = identity.group or identity.user
            notes.why("securityContext.fsGroup", context["fsGroup"], "fs_group", "volumes")
    elif identity.named:
        notes.find("user_named", Level.ADVICE, "user", user=identity.named[:40])
    else:
        notes.find("root" if identity.user == 0 else "user_unknown", Level.ADVICE, "user")
    return context


def container_security(
    info: ContainerInfo, options: GenerateOptions, known: Known | None, identity: Identity, notes: Notes
) -> dict[str, Json]:
    """The `securityContext` of the container."""
    context: dict[str, Json] = {
        "allowPrivilegeEscalation": False,
        "capabilities": _capabilities(info, known, identity, notes),
    }
    notes.why("securityContext.allowPrivilegeEscalation", False, "no_escalation", "default")
    writes = writes_of(info, options, known)
    if writes is None and not info.pod.read_only:
        notes.find("root_file_system", Level.ADVICE, "writes")
    else:
        context["readOnlyRootFilesystem"] = True
        learned = "image writes" if info.writes is not None or options.image_writes is not None else "image"
        code, source = ("read_only_asked", "request") if info.pod.read_only else ("read_only", learned)
        notes.why("securityContext.readOnlyRootFilesystem", True, code, source)
    return context


def writes_of(info: ContainerInfo, options: GenerateOptions, known: Known | None) -> tuple[str, ...] | None:
    """The folders outside volumes that it writes to; None when that is not known."""
    if info.writes is not None:
        return info.writes
    if options.image_writes is not None:
        return options.image_writes
    return known.writes if known is not None else None


def _capabilities(info: ContainerInfo, known: Known | None, identity: Identity, notes: Notes) -> dict[str, Json]:
    notes.why("securityContext.capabilities.drop", ["ALL"], "drop_all", "default")
    added = _added(info, known, identity)
    if not added:
        return {"drop": ["ALL"]}
    asked = bool(info.pod.capabilities_added)
    code = "add_asked" if asked else "add_port" if added == (_LOW_PORT,) else "add_root"
    notes.why("securityContext.capabilities.add", [*added], code, "request" if asked else identity.source)
    return {"drop": ["ALL"], "add": [*added]}


def _added(info: ContainerInfo, known: Known | None, identity: Identity) -> tuple[str, ...]:
    """What the image is known to need, without what was dropped, and what was asked for."""
    dropped, asked = info.pod.capabilities_dropped, info.pod.capabilities_added
    needed = () if ALL_CAPABILITIES in dropped else _needed(info, known, identity)
    kept = tuple(name for name in needed if name not in dropped)
    return (*kept, *(name for name in asked if name not in kept))


def _needed(info: ContainerInfo, known: Known | None, identity: Identity) -> tuple[str, ...]:
    low = (_LOW_PORT,) if any(port < 1024 for port in (*info.ports, *info.udp_ports)) else ()
    if identity.is_plain or identity.named:
        return low
    if known is not None and known.root_capabilities:
        return known.root_capabilities
    return tuple(sorted({*ROOT_NEEDS, *low}))
