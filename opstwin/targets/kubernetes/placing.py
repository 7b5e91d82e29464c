"""What manifests stand for on one cluster: resource ids, kinds, namespaces."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from opstwin.domain.names import checked_text
from opstwin.domain.values import Json, Spec, TargetId
from opstwin.errors import InvalidInput
from opstwin.manifests.forms import text_at
from opstwin.targets.kubernetes.renderer import rendered
from opstwin.targets.kubernetes.sending import Place
from opstwin.targets.kubernetes.serving import ServedKind, Serving, kind_of
from opstwin.targets.ports import Facts, Rendered

_CRD: Final = "CustomResourceDefinition"
_SHOWN: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinedKind:
    """A custom kind as its definition says it, which no cluster need serve yet. `kind` is as in resource ids."""

    kind: str
    group: str
    plural: str
    namespaced: bool

    def place(self, name: str, api_version: str) -> Place:
        """Where `name` (with its namespace, where it has one) will stand."""
        namespace, _, own = name.rpartition("/")
        return Place(
            kind=self.kind, group=self.group, version=api_version.rpartition("/")[2], plural=self.plural, name=own,
            namespace=namespace if self.namespaced else "",
        )  # fmt: skip


class Placing:
    """Knows where manifests go on one target."""

    def __init__(self, target: TargetId, namespace: str, serving: Serving) -> None:
        self._target, self._namespace, self._serving = target, namespace, serving

    async def placed(self, manifests: Sequence[Spec]) -> Sequence[Rendered]:
        """The resources, in that order, each with its namespace filled in.

        A custom kind may be defined by one of the manifests. Raises `InvalidInput` naming the manifest and the field.
        """
        named = (defined_kind(item) for item in manifests if text_at(item, "kind") == _CRD)
        defined = {item.kind: item.namespaced for item in named if item is not None}
        return [await self._one(number, item, defined) for number, item in enumerate(manifests, start=1)]

    async def facts(self) -> Facts:
        """The cluster's release and what it serves. Raises `TargetError`."""
        kinds = await self._serving.kinds()
        major, minor = self._serving.release
        return Facts(release=f"{major}.{minor}", kinds=frozenset((item.api_version, item.name) for item in kinds))

    async def _one(self, number: int, manifest: Spec, defined: dict[str, bool]) -> Rendered:
        where = _named(number, manifest)
        version, name = text_at(manifest, "apiVersion"), text_at(manifest, "metadata", "name")
        for field, value in (("apiVersion", version), ("kind", text_at(manifest, "kind")), ("metadata.name", name)):
            if not value:
                raise InvalidInput(f"{where} has no {field}.", field=field, next_step="Write it, then plan again.")
        checked_text(name, "metadata.name", 253)
        kind = kind_of(version, text_at(manifest, "kind"))
        namespaced = defined[kind] if kind in defined else (await self._served(where, kind, version)).namespaced
        asked = text_at(manifest, "metadata", "namespace")
        namespace = (asked or self._namespace) if namespaced else ""
        metadata = manifest.get("metadata")
        said: dict[str, Json] = {**metadata} if isinstance(metadata, dict) else {}
        said.pop("namespace", None)
        own: dict[str, Json] = {"name": name, **({"namespace": namespace} if namespace else {})}
        document = {**manifest, "metadata": {**said, **own}}
        return rendered(self._target, kind, document, namespace=namespace, name=name)

    async def _served(self, where: str, kind: str, version: str) -> ServedKind:
        found = await self._serving.find(kind, version)
        if found is not None and found.api_version == version:
            return found
        named = {item.kind: item.name for item in await self._serving.kinds()}
        near = [] if found else get_close_matches(kind, list(named), n=1)
        instead = f"Write apiVersion: {found.api_version}." if found else "Install what defines it, then plan again."
        raise InvalidInput(
            f"{where}: the cluster does not serve this kind in {version[:_SHOWN]}.",
            field="kind" if near else "apiVersion", details={"kind": kind, "apiVersion": version},
            next_step=f"Did you mean kind: {named[near[0]]}?" if near else instead,
        )  # fmt: skip


def defined_kind(definition: Spec) -> DefinedKind | None:
    """What a CustomResourceDefinition brings; None when it does not say."""
    group, name = text_at(definition, "spec", "group"), text_at(definition, "spec", "names", "kind")
    if not group or not name:
        return None
    plural = text_at(definition, "spec", "names", "plural") or f"{name.lower()}s"
    namespaced = text_at(definition, "spec", "scope") != "Cluster"
    return DefinedKind(kind=kind_of(f"{group}/v1", name), group=group, plural=plural, namespaced=namespaced)


def _named(number: int, manifest: Spec) -> str:
    kind, name = text_at(manifest, "kind"), text_at(manifest, "metadata", "name")
    return f"Manifest {number} ({kind[:_SHOWN]} {name[:_SHOWN]})" if kind or name else f"Manifest {number}"
