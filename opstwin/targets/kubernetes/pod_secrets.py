"""Values of Secrets that pods get as variables or files, read for the moment of masking a log and kept nowhere."""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from opstwin.errors import TargetError
from opstwin.targets.kubernetes.health import at
from opstwin.targets.kubernetes.sending import Call, Sender
from opstwin.targets.own_secrets import OwnSecrets, both, own_secrets

_LOOK_S: Final = 10.0
MOST: Final = 20
"""Secrets that are looked up for one pod; a pod of people's making has one or two."""

LARGEST: Final = 4096
"""Characters of a file that is looked into: each line of a log is compared with what was found."""

MOST_FILES: Final = 50

_PAIR: Final = re.compile(
    r"""["']?([A-Za-z_][A-Za-z0-9_.-]{0,63})["']?[ \t]{0,4}[:=][ \t]{0,4}(?:"([^"\n]*)"|'([^'\n]*)'|([^\s,;"'}]+))"""
)
"""A name and its value, as settings are written: `DB_PASSWORD=x`, `password: "x"`, `"password": "x"`."""

_ACCOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
"""Where every pod has the token of its account (Kubernetes, Configure Service Accounts for Pods). Tokens of that form
are masked wherever they stand, and beside them are the cluster's certificate and the namespace's name."""

_GONE: Final = "it is not there any more"
_WHY: Final = {401: "not signed in", 403: "the hub's account may not get it", 404: _GONE}


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """The name of a Secret and one key of it, empty for all of them. An `optional` one need not be there."""

    name: str
    key: str
    optional: bool = False
    is_file: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What is masked of a pod's Secrets, and the names of those that could not be read, each with the reason."""

    own: OwnSecrets
    unread: tuple[tuple[str, str], ...]


def refs_of(pod: Mapping[str, Any]) -> tuple[Ref, ...]:
    """The Secrets that a pod's containers get: by `secretKeyRef`, by `envFrom`, and then as files in a volume."""
    containers = [*(at(pod, "spec", "initContainers") or ()), *(at(pod, "spec", "containers") or ())]
    found = {ref for container in containers for ref in _refs(container)}
    mounts = [mount for container in containers for mount in container.get("volumeMounts") or ()]
    accounts = {mount.get("name") for mount in mounts if mount.get("mountPath") == _ACCOUNT}
    for volume in at(pod, "spec", "volumes") or ():
        if volume.get("name") not in accounts:
            found.update(_files(volume))
    return tuple(sorted((ref for ref in found if ref.name), key=lambda ref: (ref.is_file, ref)))


class PodSecrets:
    """Looks them up in one cluster, with the rights that the hub has there."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def of(self, namespace: str, refs: Sequence[Ref], known: Sequence[str]) -> Known:
        """What to mask for these references; `known` are names of the pod, which are no secrets. Never raises."""
        names = list(dict.fromkeys(ref.name for ref in refs))
        needed = {ref.name for ref in refs if not ref.optional}
        values: list[str] = []
        files: list[str] = []
        unread = [(name, f"more than {MOST} of them") for name in names[MOST:]]
        for name in names[:MOST]:
            data = await self._data(namespace, name)
            if isinstance(data, str):
                if data != _GONE or name in needed:
                    unread.append((name, data))
                continue
            mine = [ref for ref in refs if ref.name == name]
            values += _values(data, [ref.key for ref in mine if not ref.is_file])
            held = [text for text in _values(data, [ref.key for ref in mine if ref.is_file]) if not _is_public(text)]
            fitting = [text for text in held if len(text) <= LARGEST][: MOST_FILES - len(files)]
            files += fitting
            if len(fitting) < len(held):
                unread.append((name, f"some of its files: they are larger than {LARGEST} characters, or too many"))
        return Known(both(own_secrets((), known, values), in_files(files, known)), tuple(unread))

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


def in_files(texts: Iterable[str], known: Sequence[str]) -> OwnSecrets:
    """What to mask of the texts of files: a line that stands alone, keys, and what is behind a name that says secret.

    The other lines of settings are as in any program's log, and stay.
    """
    whole: list[str] = []
    pairs: list[tuple[str, str]] = []
    for text in texts:
        if "PRIVATE KEY-----" in text or len(text.strip().splitlines()) == 1:
            whole.append(text)
        pairs += [(found[1], found[2] or found[3] or found[4] or "") for found in _PAIR.finditer(text)]
    return both(own_secrets((), known, whole), own_secrets(pairs, known))


def _is_public(text: str) -> bool:
    """Whether it is certificates and no key."""
    return text.lstrip().startswith("-----BEGIN CERTIFICATE-----") and "PRIVATE KEY-----" not in text


def _values(data: Mapping[str, Any], keys: Sequence[str]) -> list[str]:
    return [_text(value) for key, value in data.items() if key in keys or "" in keys]


def _files(volume: Mapping[str, Any]) -> Iterator[Ref]:
    """What a volume gets from Secrets: it is one of a Secret, or has some among its sources."""
    sources = [volume, *(at(volume, "projected", "sources") or ())]
    for given in (source.get("secret") for source in sources):
        if isinstance(given, dict):
            name, optional = str(given.get("secretName") or given.get("name") or ""), given.get("optional") is True
            items = [str(item.get("key") or "") for item in given.get("items") or ()]
            yield from (Ref(name, key, optional, is_file=True) for key in items or [""])


def _text(value: Any) -> str:
    try:
        return base64.b64decode(str(value), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""
