"""Request bodies: JSON and YAML into documents, with what they hold that they should not."""

import io
import json
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from opstwin.targets.sim.kube.failures import bad_request
from opstwin.targets.sim.kube.protobuf import MAGIC, from_protobuf
from opstwin.targets.sim.kube.schema import Doc, Shape, struct


@dataclass(slots=True)
class Body:
    """A parsed body. `duplicates` are the paths of members that were given twice."""

    value: Any
    duplicates: list[str] = field(default_factory=list)


class _Members(dict[str, Any]):
    """An object that remembers which of its members came twice."""

    repeated: tuple[str, ...] = ()


def parsed(body: bytes, content_type: str) -> Body:
    """Parse a body by its content type. Raises 400."""
    if body.startswith(MAGIC):
        return Body(from_protobuf(body))
    if "yaml" in content_type and not body.lstrip().startswith(b"{"):
        return Body(_yaml(body))
    try:
        value = json.loads(body or b"null", object_pairs_hook=_members)
    except ValueError as error:
        raise bad_request(f"the object provided is unrecognized (must be of type JSON): {error}") from error
    found = Body(value)
    _collect(value, "", found.duplicates)
    return found


def _yaml(body: bytes) -> Any:
    try:
        return YAML(typ="safe", pure=True).load(io.BytesIO(body))
    except YAMLError as error:
        raise bad_request(f"error converting YAML to JSON: yaml: {str(error).splitlines()[0]}") from error


def _members(pairs: list[tuple[str, Any]]) -> _Members:
    found = _Members(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        found.repeated = tuple(name for name in found if names.count(name) > 1)
    return found


def _collect(value: Any, at: str, into: list[str]) -> None:
    if isinstance(value, _Members):
        into.extend(f"{at}{name}" for name in value.repeated)
        for name, item in value.items():
            _collect(item, f"{at}{name}.", into)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _collect(item, f"{at[:-1]}[{index}].", into)


def unknown_fields(value: Any, shape: Shape, minor: int, at: str = "") -> list[str]:
    """The paths of fields that a server of this minor does not know."""
    found: list[str] = []
    if isinstance(value, dict) and shape.form in ("struct", "map"):
        for name, item in value.items():
            if shape.form == "struct" and not _knows(shape, name, minor):
                found += [] if shape.keeps_unknown else [f"{at}{name}"]
            else:
                found += unknown_fields(item, shape.child(name), minor, f"{at}{name}.")
    elif isinstance(value, list) and shape.form == "list":
        for index, item in enumerate(value):
            found += unknown_fields(item, shape.items, minor, f"{at[:-1]}[{index}].")
    return found


def _knows(shape: Shape, name: str, minor: int) -> bool:
    if name not in shape.fields:
        return False
    return not shape.type_name or struct(shape.type_name).since.get(name, 0) <= minor


def known_only(value: Any, shape: Shape, minor: int) -> Any:
    """The same without fields that the server does not know: it drops them."""
    if isinstance(value, dict) and shape.form == "struct":
        return {
            name: known_only(item, shape.child(name), minor)
            for name, item in value.items()
            if shape.keeps_unknown or _knows(shape, name, minor)
        }
    if isinstance(value, dict) and shape.form == "map":
        return {name: known_only(item, shape.child(name), minor) for name, item in value.items()}
    if isinstance(value, list) and shape.form == "list":
        return [known_only(item, shape.items, minor) for item in value]
    return value


def document(body: Body) -> Doc:
    """The body as one object. Raises 400."""
    if not isinstance(body.value, dict):
        raise bad_request("the object provided is unrecognized (must be of type JSON)")
    return dict(body.value)
