"""Makes `opstwin/manifests/checks/data/kubernetes.json.xz` from published schemas of Kubernetes.

The source are the OpenAPI definitions of Kubernetes (Apache-2.0) as the package `kubernetes-validate` (Apache-2.0)
carries them: 1.24.1 has the releases 1.20 to 1.24, 1.37.0 has 1.25 to 1.37. Unpack both wheels and run

    python -m tests.schemas.making FOLDER_OF_1.24.1/kubernetes_validate FOLDER_OF_1.37.0/kubernetes_validate

What is kept is what a check needs: kinds, fields, types, enums and required fields, each with the first and last
release that has it. Descriptions and everything below `status` are left out.
"""

import json
import lzma
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

FIRST, LAST = 20, 37
WHERE: Final = Path(__file__).parents[2] / "opstwin/manifests/checks/data/kubernetes.json.xz"
META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
LEAVES: Final = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "q",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "x",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "t",
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "t",
    "io.k8s.apimachinery.pkg.runtime.RawExtension": "o",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "o",
}
SIMPLE: Final = {"string": "s", "integer": "i", "number": "n", "boolean": "b"}

ENUMS_OF: Final = 23
OPEN: Final = {
    ("PodReadinessGate", "conditionType"), ("ScopedResourceSelectorRequirement", "scopeName"),
    ("Toleration", "operator"),
}  # fmt: skip
_LISTED_MODES: Final = ["a", ["e", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"]]
EXTRA: Final[Mapping[tuple[str, str], list[Any]]] = {
    ("CronJobSpec", "concurrencyPolicy"): ["e", "Allow", "Forbid", "Replace"],
    ("CustomResourceDefinitionSpec", "scope"): ["e", "Cluster", "Namespaced"],
    ("HTTPIngressPath", "pathType"): ["e", "Exact", "ImplementationSpecific", "Prefix"],
    ("LabelSelectorRequirement", "operator"): ["e", "DoesNotExist", "Exists", "In", "NotIn"],
    ("NetworkPolicyPort", "protocol"): ["e", "SCTP", "TCP", "UDP"],
    ("NetworkPolicySpec", "policyTypes"): ["a", ["e", "Egress", "Ingress"]],
    ("PersistentVolumeClaimSpec", "accessModes"): _LISTED_MODES,
    ("PersistentVolumeSpec", "accessModes"): _LISTED_MODES,
    ("PodSpec", "preemptionPolicy"): ["e", "Never", "PreemptLowerPriority"],
    ("StorageClass", "reclaimPolicy"): ["e", "Delete", "Retain"],
    ("StorageClass", "volumeBindingMode"): ["e", "Immediate", "WaitForFirstConsumer"],
}
"""Closed sets that the API server checks and the schemas do not say."""

Definitions = Mapping[str, Any]
Fields = dict[str, tuple[Any, bool]]


def definitions_of(folders: Iterable[Path], minor: int) -> Definitions:
    """The definitions of one release by their name."""
    for folder in folders:
        file = folder / f"kubernetes-json-schema/v1.{minor}.0-local/_definitions.json"
        if file.exists():
            found = json.loads(file.read_text())
            return found.get("$defs") or found.get("definitions") or found
    raise SystemExit(f"no schemas of 1.{minor}")


def fields_of(schema: Mapping[str, Any]) -> Fields:
    """The fields of one definition: what each takes and whether it must be there."""
    required = set(schema.get("required", ()))
    return {name: (node_of(item), name in required) for name, item in schema.get("properties", {}).items()}


def node_of(schema: Mapping[str, Any]) -> Any:
    """What a field takes: a letter, `#name` for a definition, or a list that begins with a letter."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return LEAVES.get(name, "#" + name)
    types = [item for item in _listed(schema.get("type")) if item != "null"]
    kind = types[0] if types else ""
    if "enum" in schema and kind == "string":
        return ["e", *sorted(item for item in schema["enum"] if item is not None)]
    if kind == "array":
        return ["a", node_of(schema.get("items", {}))]
    if kind == "object":
        return ["m", node_of(schema["additionalProperties"])] if "additionalProperties" in schema else "o"
    if kind == "string" and schema.get("format") in ("byte", "date-time"):
        return {"byte": "y", "date-time": "t"}[schema["format"]]
    if kind == "integer" and schema.get("format") == "int64":
        return "l"
    return SIMPLE.get(kind, "*")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def kinds_of(definitions: Definitions) -> Iterator[tuple[str, str, str]]:
    """apiVersion, kind and definition of everything that can be a manifest."""
    for name, schema in definitions.items():
        if str(schema.get("properties", {}).get("metadata", {}).get("$ref", "")).endswith(META):
            for gvk in schema.get("x-kubernetes-group-version-kind", ()):
                yield "/".join(filter(None, (gvk["group"], gvk["version"]))), gvk["kind"], name


def needed(definitions: Definitions, roots: Iterable[str]) -> set[str]:
    """The definitions that can be reached."""
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in found or name not in definitions:
            continue
        found.add(name)
        for field, (node, _) in fields_of(definitions[name]).items():
            target = node
            while isinstance(target, list) and target[0] in "am":
                target = target[1]
            if field != "status" and isinstance(target, str) and target.startswith("#"):
                waiting.append(target[1:])
    return found


def made(releases: Mapping[int, Definitions]) -> dict[str, Any]:
    """The content of the packaged file."""
    kinds: dict[tuple[str, str, str], list[int]] = {}
    rows: dict[str, dict[tuple[str, str, bool], list[int]]] = {}
    for minor, definitions in releases.items():
        served = list(kinds_of(definitions))
        for key in served:
            kinds.setdefault(key, []).append(minor)
        tops = {name for _, _, name in served}
        for name in needed(definitions, tops):
            for field, (node, must) in fields_of(definitions[name]).items():
                kept = "o" if field == "status" and name in tops else node
                rows.setdefault(name, {}).setdefault((field, json.dumps(kept), must), []).append(minor)
            if not definitions[name].get("properties"):
                rows.setdefault(name, {}).setdefault(("", json.dumps(node_of(definitions[name])), False), []).append(
                    minor
                )
    names = sorted(rows)
    place = {name: number for number, name in enumerate(names)}
    return {
        "source": "kubernetes-validate 1.24.1 (1.20-1.24) and 1.37.0 (1.25-1.37), Apache-2.0",
        "first": FIRST, "last": LAST,
        "kinds": [[*key[:2], place[key[2]], *span] for key, found in sorted(kinds.items()) for span in spans(found)],
        "definitions": [list(_rows(_with_enums(name, rows[name]), place)) for name in names],
    }  # fmt: skip


def _with_enums(name: str, rows: dict[tuple[str, str, bool], list[int]]) -> dict[tuple[str, str, bool], list[int]]:
    """Only 1.23 published enums. They hold for every release, but for those that grew since or never were closed."""
    known = {field: node for (field, node, _), found in rows.items() if '"e"' in node and found == [ENUMS_OF]}
    merged: dict[tuple[str, str, bool], list[int]] = {}
    for (field, node, must), found in rows.items():
        open_ended = (name.rsplit(".", 1)[1], field) in OPEN
        added = EXTRA.get((name.rsplit(".", 1)[1], field))
        kept = json.dumps(added) if added else '"s"' if open_ended else known.get(field, node)
        merged.setdefault((field, kept, must), []).extend(found)
    return merged


def _rows(rows: dict[tuple[str, str, bool], list[int]], place: Mapping[str, int]) -> Iterator[list[Any]]:
    for (field, node, must), found in sorted(rows.items()):
        for span in spans(sorted(found)):
            yield [field, _numbered(json.loads(node), place), int(must), *span]


def _numbered(node: Any, place: Mapping[str, int]) -> Any:
    if isinstance(node, str) and node.startswith("#"):
        return place.get(node[1:], "*")
    return [node[0], _numbered(node[1], place)] if isinstance(node, list) and node[0] in "am" else node


def spans(minors: Iterable[int]) -> list[tuple[int, int]]:
    """Consecutive releases as first and last."""
    found: list[tuple[int, int]] = []
    for minor in sorted(minors):
        if found and found[-1][1] == minor - 1:
            found[-1] = (found[-1][0], minor)
        else:
            found.append((minor, minor))
    return found


if __name__ == "__main__":
    folders = [Path(word) for word in sys.argv[1:]]
    content = made({minor: definitions_of(folders, minor) for minor in range(FIRST, LAST + 1)})
    data = json.dumps(content, separators=(",", ":")).encode()
    WHERE.write_bytes(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
    print(f"{WHERE.name}: {len(content['kinds'])} kinds, {len(data)} bytes, {WHERE.stat().st_size} packed")
