"""Custom kinds: which are defined, and the types that their definitions give them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from opstwin.domain.values import Json
from opstwin.manifests.checks.constraints import constraints_of
from opstwin.manifests.checks.schemas import release_of, serving_in, type_of
from opstwin.manifests.checks.shapes import ANYTHING, SIMPLE, Shape, Type
from opstwin.manifests.checks.sheets import listed, mapping, objects, text

_DEEPEST = 100
_NUMBERS = {"integer": Shape.INT64, "number": Shape.NUMBER, "boolean": Shape.BOOLEAN, "string": Shape.TEXT}
_FORMATS = {"date-time": Shape.MOMENT, "byte": Shape.BASE64, "int32": Shape.INT32}


@dataclass(slots=True)
class Definitions:
    """What is known of custom kinds. `served` are (apiVersion, kind) whose fields are not known."""

    served: frozenset[tuple[str, str]] = frozenset()
    _schemas: dict[tuple[str, str], Json] = field(default_factory=dict)
    _types: dict[tuple[str, str], Type] = field(default_factory=dict)

    def take(self, definition: Mapping[str, Json]) -> None:
        """Learn from a CustomResourceDefinition; what cannot be read of it is left out."""
        spec = mapping(dict(definition), "spec")
        group, kind = text(spec.get("group")), text(mapping(spec, "names").get("kind"))
        common = mapping(spec, "validation").get("openAPIV3Schema")
        for _, version in objects(spec.get("versions")):
            schema = mapping(version, "schema").get("openAPIV3Schema") or common
            if version.get("served") is not False:
                self._schemas[f"{group}/{text(version.get('name'))}", kind] = schema

    def knows(self, api: str, kind: str) -> bool:
        """Whether such a kind is defined."""
        return (api, kind) in self._schemas or (api, kind) in self.served

    def version_of(self, kind: str) -> str:
        """The apiVersion of some definition of the kind, empty when there is none."""
        return next((api for api, name in (*self._schemas, *self.served) if name == kind), "")

    def type_of(self, api: str, kind: str) -> Type | None:
        """The type of a custom kind; None when its definition says nothing of its fields."""
        key = (api, kind)
        schema = self._schemas.get(key)
        if not isinstance(schema, dict):
            return None
        if key not in self._types:
            self._types[key] = _whole(schema)
        return self._types[key]


def definitions_of(manifests: Iterable[Mapping[str, Json]], served: frozenset[tuple[str, str]]) -> Definitions:
    """What the CustomResourceDefinitions among the manifests define."""
    found = Definitions(served=served)
    for manifest in manifests:
        if manifest.get("kind") == "CustomResourceDefinition":
            found.take(manifest)
    return found


def _whole(schema: dict[str, Json]) -> Type:
    """The type of a whole manifest: the fields that all have, and those of the schema."""
    made = type_from(schema)
    serving = serving_in(release_of(None).minor, "v1", "ConfigMap")
    assert serving is not None
    common = type_of(release_of(None).minor, serving.definition).fields
    fields = {**made.fields, **{name: common[name] for name in ("apiVersion", "kind", "metadata")}}
    fields["apiVersion"] = fields["kind"] = SIMPLE[Shape.TEXT]
    fields.setdefault("status", ANYTHING)
    fields["metadata"] = common["metadata"]
    return Type(
        Shape.OBJECT, fields=fields, required=made.required, open=made.open, constraints=made.constraints
    )  # fmt: skip


def type_from(schema: Json, depth: int = 0) -> Type:
    """The type that a structural schema describes (apiextensions.k8s.io/v1)."""
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return ANYTHING
    kind = text(schema.get("type"))
    constraints = constraints_of(schema)
    if schema.get("x-kubernetes-int-or-string") is True:
        return Type(Shape.PORT, constraints=constraints)
    if schema.get("x-kubernetes-embedded-resource") is True:
        return Type(Shape.FREE_OBJECT, constraints=constraints)
    if kind == "object" or (not kind and "properties" in schema):
        return _object(schema, depth)
    if kind == "array":
        return Type(Shape.LIST, item=type_from(schema.get("items"), depth + 1), constraints=constraints)
    shape = _FORMATS.get(text(schema.get("format"))) if kind in {"string", "integer"} else None
    return Type(shape or _NUMBERS.get(kind, Shape.ANYTHING), constraints=constraints)


def _object(schema: dict[str, Json], depth: int) -> Type:
    fields = {name: type_from(item, depth + 1) for name, item in mapping(schema, "properties").items()}
    others = schema.get("additionalProperties")
    is_open = schema.get("x-kubernetes-preserve-unknown-fields") is True
    item = type_from(others, depth + 1) if isinstance(others, dict) else None
    is_open = is_open or others is True or (not fields and item is None and "properties" not in schema)
    required = tuple(text(name) for name in listed(schema.get("required")) if text(name))
    return Type(
        Shape.OBJECT, fields=fields, item=item, required=required, open=is_open, constraints=constraints_of(schema)
    )
