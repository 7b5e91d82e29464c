"""Names, labels and annotations, as the API server validates them."""

from collections.abc import Callable, Mapping
from typing import Final

from opstwin.domain.values import Json
from opstwin.manifests.checks import grammar
from opstwin.manifests.checks.pods import Pod
from opstwin.manifests.checks.sheets import Object, Sheet, mapping, objects, text
from opstwin.manifests.nodes import Path

_ANNOTATIONS_BYTES: Final = 256 * 1024
"""apimachinery, TotalAnnotationSizeLimitB."""

Grammar = Callable[[str], str]

_KINDS: Final[Mapping[str, tuple[Grammar, str]]] = {
    "Service": (grammar.label_1035, grammar.LABEL),
    "Namespace": (grammar.label_name, grammar.LABEL),
    "Role": (grammar.path_segment, "a name without / and %"),
    "RoleBinding": (grammar.path_segment, "a name without / and %"),
    "ClusterRole": (grammar.path_segment, "a name without / and %"),
    "ClusterRoleBinding": (grammar.path_segment, "a name without / and %"),
}
_SHORT: Final = {"CronJob": 52, "Job": 63, "StatefulSet": 63}
"""Longer names leave no room for what is added to the names of their pods (batch validation; the pods' label)."""

_SELF_NAMED: Final = frozenset({
    "SelfSubjectAccessReview", "SelfSubjectReview", "SelfSubjectRulesReview", "SubjectAccessReview",
    "LocalSubjectAccessReview", "TokenReview", "TokenRequest", "Binding", "Eviction",
})  # fmt: skip


def check_names(sheet: Sheet, pod: Pod | None) -> None:
    """The manifest's own name, labels and annotations, and those of its pod and parts."""
    metadata = mapping(sheet.value, "metadata")
    _own_name(sheet, metadata)
    _namespace(sheet, metadata)
    _marks(sheet, metadata, ("metadata",))
    if pod is not None and pod.path:
        _marks(sheet, pod.metadata, (*pod.path, "metadata"))
    if pod is not None:
        _parts(sheet, pod)
    if sheet.kind in {"ConfigMap", "Secret"}:
        _keys(sheet)


def _own_name(sheet: Sheet, metadata: Object) -> None:
    if not sheet.name:
        if (
            not text(metadata.get("generateName")) and sheet.kind not in _SELF_NAMED and "name" not in metadata
        ) or metadata.get("name") == "":
            sheet.add("names/no-name", ("metadata", "name"))
        return
    check, wanted = _KINDS.get(sheet.kind, (grammar.subdomain, grammar.SUBDOMAIN))
    problem = check(sheet.name)
    most = _SHORT.get(sheet.kind, 253)
    if not problem and len(sheet.name) > most:
        problem = f"it is longer than {most} characters"
    if problem:
        sheet.add(
            "names/name", ("metadata", "name"), value=sheet.name, kind=sheet.kind, problem=problem, wanted=wanted
        )  # fmt: skip


def _namespace(sheet: Sheet, metadata: Object) -> None:
    name = text(metadata.get("namespace"))
    if name and (problem := grammar.label_name(name)):
        _field(sheet, ("metadata", "namespace"), name, "namespace", problem)


def _field(sheet: Sheet, path: Path, value: str, what: str, problem: str, wanted: str = grammar.LABEL) -> None:
    sheet.add("names/field", path, value=value, what=what, problem=problem, wanted=wanted)


def _marks(sheet: Sheet, metadata: Object, path: Path) -> None:
    for key, value in mapping(metadata, "labels").items():
        problem = grammar.qualified(key) or grammar.label_value(text(value))
        if problem:
            sheet.add("names/label", (*path, "labels", key), key=key, problem=problem)
    size = 0
    for key, value in mapping(metadata, "annotations").items():
        size += len(key) + len(text(value))
        if problem := grammar.qualified(key.lower()):
            sheet.add("names/annotation", (*path, "annotations", key), key=key, problem=problem)
    if size > _ANNOTATIONS_BYTES:
        sheet.add("names/annotation", (*path, "annotations"), key="(all)", problem="together they are above 256 KiB")


def _parts(sheet: Sheet, pod: Pod) -> None:
    for field in ("containers", "initContainers", "volumes"):
        _named(sheet, pod.spec.get(field), (*pod.spec_path, field), field)
    for container in pod.containers:
        seen: set[str] = set()
        for place, port in objects(container.value.get("ports")):
            name, path = text(port.get("name")), (*container.path, "ports", place, "name")
            if name and (problem := grammar.port_name(name)):
                _field(sheet, path, name, "port name", problem, "up to 15 lower-case letters, digits and -")
            if name and name in seen:
                sheet.add("names/element-twice", path, what="ports", value=name)
            seen.add(name)


def _named(sheet: Sheet, value: Json, path: Path, what: str) -> None:
    seen: set[str] = set()
    for place, item in objects(value):
        name = text(item.get("name"))
        if name and (problem := grammar.label_name(name)):
            _field(sheet, (*path, place, "name"), name, f"name in {what}", problem)
        if name and name in seen:
            sheet.add("names/element-twice", (*path, place, "name"), what=what, value=name)
        seen.add(name)


def _keys(sheet: Sheet) -> None:
    for field in ("data", "binaryData", "stringData"):
        for key in mapping(sheet.value, field):
            if problem := grammar.config_key(key):
                _field(sheet, (field, key), key, "key", problem, "letters, digits, -, _ and .")
