"""Whether the release serves the kind of a manifest, and what to use where it does not."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from opstwin.manifests.checks.custom import Definitions
from opstwin.manifests.checks.schemas import Release, Serving, by_kind, serving_in, servings, type_of
from opstwin.manifests.checks.shapes import Type
from opstwin.manifests.checks.sheets import Sheet

_LONG_GONE: Final = {
    ("extensions/v1beta1", "DaemonSet"): "apps/v1", ("extensions/v1beta1", "Deployment"): "apps/v1",
    ("extensions/v1beta1", "NetworkPolicy"): "networking.k8s.io/v1", ("extensions/v1beta1", "ReplicaSet"): "apps/v1",
    ("extensions/v1beta1", "PodSecurityPolicy"): "", ("apps/v1beta1", "Deployment"): "apps/v1",
    ("apps/v1beta1", "StatefulSet"): "apps/v1", ("apps/v1beta2", "DaemonSet"): "apps/v1",
    ("apps/v1beta2", "Deployment"): "apps/v1", ("apps/v1beta2", "ReplicaSet"): "apps/v1",
    ("apps/v1beta2", "StatefulSet"): "apps/v1",
}  # fmt: skip
"""Removed in 1.16 (kubernetes.io/docs/reference/using-api/deprecation-guide)."""

_NOTHING: Final = {"PodSecurityPolicy": "Pod Security Admission (labels on the namespace)"}
_NEWEST: Final = 37
_KUSTOMIZE: Final = "kustomize.config.k8s.io/"
_COMPOSE: Final = " A Compose file becomes manifests by: opstwin generate FILE"


def builtin_type(sheet: Sheet, release: Release) -> Type | None:
    """The type of a kind that the release itself serves; None, perhaps with findings, for all others."""
    hint = _COMPOSE if isinstance(sheet.value.get("services"), dict) else ""
    for field, value in (("apiVersion", sheet.api), ("kind", sheet.kind)):
        if not value:
            sheet.add("schema/no-kind", (field,), hint=hint)
    serving = serving_in(release.minor, sheet.api, sheet.kind)
    if serving is None:
        return None
    _deprecated(sheet, release, serving)
    return type_of(release.minor, serving.definition)


def custom_type(sheet: Sheet, release: Release, definitions: Definitions) -> Type | None:
    """The type of a custom kind; None, with findings, when it is not known, and for what the release itself serves."""
    if not sheet.api or not sheet.kind or serving_in(release.minor, sheet.api, sheet.kind) is not None:
        return None
    if not definitions.knows(sheet.api, sheet.kind):
        _not_served(sheet, release, definitions)
        return None
    found = definitions.type_of(sheet.api, sheet.kind)
    if found is None:
        sheet.add("schema/unchecked", ("kind",), kind=sheet.kind)
    return found


def _not_served(sheet: Sheet, release: Release, definitions: Definitions) -> None:
    path, known = ("apiVersion",), servings().get((sheet.api, sheet.kind), ())
    use = _use(sheet.kind, sheet.api, release.minor)
    if (sheet.api, sheet.kind) in _LONG_GONE:
        use = _LONG_GONE[sheet.api, sheet.kind] or _NOTHING[sheet.kind]
        sheet.add("schema/removed-api", path, api=sheet.api, kind=sheet.kind, gone="1.16", use=use)
    elif gone := [item for item in known if item.last < release.minor]:
        sheet.add("schema/removed-api", path, api=sheet.api, kind=sheet.kind, gone=f"1.{gone[-1].last + 1}", use=use)
    elif known:
        sheet.add(
            "schema/not-yet-served", path, api=sheet.api, kind=sheet.kind, since=f"1.{known[0].first}",
            version=release, use=use,
        )  # fmt: skip
    else:
        sheet.add(
            "schema/unknown-kind", ("kind",), version=release, kind=sheet.kind, api=sheet.api,
            hint=_hint(sheet, release, definitions),
        )  # fmt: skip


def _hint(sheet: Sheet, release: Release, definitions: Definitions) -> str:
    if sheet.api.startswith(_KUSTOMIZE):
        return " It says how manifests are made: render it (kubectl kustomize), and check what comes out."
    best = _best(by_kind().get(sheet.kind, ()), sheet.api, release.minor) or definitions.version_of(sheet.kind)
    if best:
        return f" {sheet.kind} is in {best}."
    near = get_close_matches(sheet.kind[:80], by_kind(), n=1, cutoff=0.75)
    return f" Is it {near[0]}?" if near else ""


def _deprecated(sheet: Sheet, release: Release, serving: Serving) -> None:
    best = _best(by_kind()[serving.kind], serving.api, release.minor)
    leaves = serving.last < _NEWEST
    if serving.kind in _NOTHING or (best and best != serving.api and (leaves or not _rank(serving.api))):
        when = f" and gone in Kubernetes 1.{serving.last + 1}" if leaves else ""
        use = best if best != serving.api else _NOTHING[serving.kind]
        sheet.add("schema/deprecated-api", ("apiVersion",), api=serving.api, kind=serving.kind, when=when, use=use)


def _use(kind: str, api: str, minor: int) -> str:
    return _best(by_kind().get(kind, ()), api, minor) or _NOTHING.get(kind, "another kind: nothing replaces it")


def _best(servings: Iterable[Serving], api: str, minor: int) -> str:
    """The stable version of a kind, else the newest; its own group goes first where it has one."""
    served = [item.api for item in servings if item.first <= minor <= item.last]
    return max(
        served,
        key=lambda item: (_group(item) == _group(api), _base(item) == _base(api), _rank(item), item),
        default="",
    )


def _group(api: str) -> str:
    return api.rpartition("/")[0]


def _base(api: str) -> str:
    """`v2` of autoscaling/v2beta2: versions of one base have nearly the same fields."""
    return re.split("alpha|beta", api.rpartition("/")[2])[0]


def _rank(api: str) -> int:
    version = api.rpartition("/")[2]
    return 0 if "alpha" in version or "beta" in version else 1
