"""Secrets as Opstwin keeps them: a reference stands where the cluster will get the value."""

from opstwin.manifests.checks.sheets import Object, mapping

REFERENCE = "secretRef"


def without_references(value: Object) -> Object:
    """The manifest with a text in place of each `{"secretRef": …}` of a Secret, as it will be sent."""
    if value.get("kind") != "Secret" or not isinstance(value.get("stringData"), dict):
        return value
    texts = mapping(value, "stringData")
    return {**value, "stringData": {
        key: "" if isinstance(item, dict) and item.keys() == {REFERENCE} and isinstance(item[REFERENCE], str) else item
        for key, item in texts.items()
    }}  # fmt: skip
