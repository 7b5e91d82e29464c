"""OpenAPI v3 (from 1.24) as far as clients of the fake read it: schemas of the kinds, parameters of the patches."""

from typing import Any, Final

from opstwin.targets.sim.kube.asking import Ask, Reply, json_reply
from opstwin.targets.sim.kube.catalogue import Kind
from opstwin.targets.sim.kube.cluster import Cluster
from opstwin.targets.sim.kube.failures import no_such_path
from opstwin.targets.sim.kube.schema import Doc, Shape, struct

_SCALARS: Final[dict[str, Doc]] = {
    "quantity": {"oneOf": [{"type": "string"}, {"type": "number"}]},
    "intstr": {"oneOf": [{"type": "integer"}, {"type": "string"}], "format": "int-or-string"},
    "time": {"type": "string", "format": "date-time"}, "bytes": {"type": "string", "format": "byte"},
}  # fmt: skip
_PARAMETERS: Final = ("pretty", "dryRun", "fieldManager", "fieldValidation", "force")


def described(cluster: Cluster, ask: Ask) -> Reply | None:
    """The answer to an OpenAPI request, or None when it is none. Raises 404."""
    if not ask.path.startswith("/openapi"):
        return None
    parts = ask.path.strip("/").split("/")
    if parts[:2] != ["openapi", "v3"] or cluster.minor < 24:
        raise no_such_path()
    if len(parts) == 2:
        paths = sorted({_path(kind) for kind in cluster.kinds()})
        return json_reply({"paths": {path: {"serverRelativeURL": f"/openapi/v3/{path}"} for path in paths}})
    kinds = [kind for kind in cluster.kinds() if _path(kind) == "/".join(parts[2:])]
    if not kinds:
        raise no_such_path()
    return json_reply(_document(cluster, kinds))


def _path(kind: Kind) -> str:
    return f"apis/{kind.group}/{kind.version}" if kind.group else f"api/{kind.version}"


def _document(cluster: Cluster, kinds: list[Kind]) -> Doc:
    schemas: dict[str, Doc] = {}
    paths: dict[str, Doc] = {}
    for kind in kinds:
        schema = _of(kind.shape, schemas)
        name = _kind_schema(kind, schema, schemas)
        inner = f"namespaces/{{namespace}}/{kind.plural}" if kind.namespaced else kind.plural
        paths[f"/{_path(kind)}/{inner}/{{name}}"] = _path_item(kind, name)
    return {
        "openapi": "3.0.0", "info": {"title": "Kubernetes", "version": cluster.git_version}, "paths": paths,
        "components": {"schemas": schemas},
    }  # fmt: skip


def _kind_schema(kind: Kind, schema: Doc, schemas: dict[str, Doc]) -> str:
    mark = [{"group": kind.group, "version": kind.version, "kind": kind.name}]
    name = kind.shape.type_name or f"{'.'.join(reversed(kind.group.split('.')))}.{kind.version}.{kind.name}"
    schemas[name] = {**schemas.get(name, schema), "x-kubernetes-group-version-kind": mark}
    return name


def _path_item(kind: Kind, schema: str) -> Doc:
    mark = {"group": kind.group, "version": kind.version, "kind": kind.name}
    ok = {"200": {"description": "OK", "content": {"application/json": {"schema": _ref(schema)}}}}
    given = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in _PARAMETERS]
    return {
        "get": {"x-kubernetes-action": "get", "x-kubernetes-group-version-kind": mark, "responses": ok},
        "patch": {
            "x-kubernetes-action": "patch", "x-kubernetes-group-version-kind": mark, "responses": ok,
            "parameters": given,
        },
    }  # fmt: skip


def _ref(name: str) -> Doc:
    return {"$ref": f"#/components/schemas/{name}"}


def _of(shape: Shape, schemas: dict[str, Doc]) -> Doc:
    if shape.form == "struct" and shape.type_name:
        _named(shape.type_name, schemas)
        return {"allOf": [_ref(shape.type_name)]}
    if shape.form == "struct":
        return {"type": "object", "properties": {name: _of(item, schemas) for name, item in shape.fields.items()}}
    if shape.form == "map":
        return {"type": "object", "additionalProperties": _of(shape.items, schemas)}
    if shape.form == "list":
        return _list(shape, schemas)
    return _SCALARS.get(shape.scalar, {"type": shape.scalar}) if shape.scalar else {}


def _named(name: str, schemas: dict[str, Doc]) -> None:
    if name in schemas:
        return
    found: Doc = {"type": "object", "properties": {}}
    schemas[name] = found
    found["properties"] = {field: _of(shape, schemas) for field, shape in struct(name).fields.items()}
    if struct(name).required:
        found["required"] = list(struct(name).required)


def _list(shape: Shape, schemas: dict[str, Doc]) -> Doc:
    found: dict[str, Any] = {"type": "array", "items": _of(shape.items, schemas)}
    found["x-kubernetes-list-type"] = shape.list_kind
    if shape.keys:
        found["x-kubernetes-list-map-keys"] = list(shape.keys)
    if shape.merge_key:
        found["x-kubernetes-patch-merge-key"] = shape.merge_key
    if shape.strategies:
        found["x-kubernetes-patch-strategy"] = ",".join(shape.strategies)
    return found
