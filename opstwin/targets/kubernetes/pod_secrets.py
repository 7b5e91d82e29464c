"""Values of Secrets that pods get as variables, read for the moment in which a log is masked and kept nowhere."""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from opstwin.errors import TargetError
from opstwin.targets.kubernetes.health import at
from opstwin.targets.kubernetes.sending import Call, Sender
from opstwin.targets.own_secrets import OwnSecrets, own_secrets

_LOOK_S: Final = 10.0
MOST: Final = 20
"""Secrets that are looked up for one pod; a pod of people's making has one or two."""

_GONE: Final = "it is not there any more"
_WHY: Final = {401: "not signed in", 403: "the hub's account may not get it", 404: _GONE}


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """The name of a Secret and one key of it, empty for all of them. An `optional` one need not be there."""

    name: str
    key: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What is masked of a pod's Secrets, and the names of those that could not be read, each with the reason."""

    own: OwnSecrets
    unread: tuple[tuple[str, str], ...]


def refs_of(pod: Mapping[str, Any]) -> tuple[Ref, ...]:
    """The Secrets that a pod's containers take variables from, by `secretKeyRef` and by `envFrom`."""
    containers = [*(at(pod, "spec", "initContainers") or ()), *(at(pod, "spec", "containers") or ())]
    found = {ref for container in containers for ref in _refs(container) if ref.name}
    return tuple(sorted(found))


class PodSecrets:
    """Looks them up in one cluster, with the rights that the hub has there."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def of(self, namespace: str, refs: Sequence[Ref], known: Sequence[str]) -> Known:
        """What to mask for these references; `known` are names of the pod, which are no secrets. Never raises."""
        names = list(dict.fromkeys(ref.name for ref in refs))
        needed = {ref.name for ref in refs if not ref.optional}
        values: list[str] = []
        unread = [(name, f"more than {MOST} of them") for name in names[MOST:]]
        for name in names[:MOST]:
            data = await self._data(namespace, name)
            if isinstance(data, str):
                if data != _GONE or name in needed:
                    unread.append((name, data))
                continue
            keys = {ref.key for ref in refs if ref.name == name}
            values += [_text(value) for key, value in data.items() if key in keys or "" in keys]
        return Known(own_secrets((), known, values), tuple(unread))

    async def _data(self, namespace: str, name: str) -> Mapping[str, Any] | str:
        """The Secret's data, or why it could not be read."""
        path = f"/api/v1/namespaces/{quote(namespace, safe='')}/secrets/{quote(name, safe='')}"
        try:
            answer = await self._sender.send(Call(method="GET", path=path, deadline_s=_LOOK_S))
        except TargetError as error:
            return error.code
        if not answer.ok:
            return _WHY.get(answer.status, f"status {answer.status}")
        data = answer.body.get("data")
        return data if isinstance(data, dict) else {}


def _refs(container: Mapping[str, Any]) -> Iterator[Ref]:
    for item in container.get("env") or ():
        ref = at(item, "valueFrom", "secretKeyRef") or {}
        yield Ref(str(ref.get("name") or ""), str(ref.get("key") or ""), ref.get("optional") is True)
    for item in container.get("envFrom") or ():
        ref = item.get("secretRef") or {}
        yield Ref(str(ref.get("name") or ""), "", ref.get("optional") is True)


def _text(value: Any) -> str:
    try:
        return base64.b64decode(str(value), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""
