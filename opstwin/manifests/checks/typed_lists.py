"""Lists of one kind, such as a ConfigMapList: their items say neither apiVersion nor kind."""

from collections.abc import Iterator

from opstwin.manifests.checks.schemas import by_kind
from opstwin.manifests.checks.sheets import Object, objects, text
from opstwin.manifests.nodes import Path

_LIST = "List"


def members(value: Object) -> Iterator[tuple[Path, Object]]:
    """The manifests that `value` stands for, each with its path: the items of a typed list, else itself."""
    kind = text(value.get("kind"))
    item_kind = kind.removesuffix(_LIST)
    if item_kind == kind or not isinstance(value.get("items"), list) or item_kind not in by_kind():
        yield (), value
        return
    for place, item in objects(value["items"]):
        yield ("items", place), {"apiVersion": value.get("apiVersion"), "kind": item_kind, **item}
