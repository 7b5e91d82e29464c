"""Label selectors, as Kubernetes matches them. Pure."""

from dataclasses import dataclass

from opstwin.domain.values import Json
from opstwin.manifests.checks.sheets import Object, listed, mapping, objects, text


@dataclass(frozen=True, slots=True)
class Selector:
    """Labels that must be there, and expressions (key, operator, values) that must hold."""

    labels: tuple[tuple[str, str], ...]
    expressions: tuple[tuple[str, str, frozenset[str]], ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether it asks for nothing."""
        return not self.labels and not self.expressions

    def misses(self, labels: Object) -> list[str]:
        """What it asks for and the labels do not have, as text."""
        missing = [f"{key}={value}" for key, value in self.labels if labels.get(key) != value]
        return missing + [f"{key} {operator}" for key, operator, values in self.expressions
                          if not _holds(labels, key, operator, values)]  # fmt: skip

    def fits(self, labels: Object) -> bool:
        """Whether the labels have all that it asks for."""
        return not self.misses(labels)

    def __str__(self) -> str:
        words = [f"{key}={value}" for key, value in self.labels]
        return ", ".join(words + [f"{key} {operator}" for key, operator, _ in self.expressions])


def selector_of(value: Json) -> Selector:
    """A selector of `matchLabels` and `matchExpressions`."""
    expressions = tuple(
        (text(item.get("key")), text(item.get("operator")), frozenset(map(text, listed(item.get("values")))))
        for _, item in objects(mapping(value).get("matchExpressions"))
    )
    return Selector(plain_selector(mapping(value).get("matchLabels")).labels, expressions)


def plain_selector(value: Json) -> Selector:
    """A selector that is a mapping of labels, as a Service has it."""
    return Selector(tuple((key, item) for key, item in mapping(value).items() if isinstance(item, str)))


def _holds(labels: Object, key: str, operator: str, values: frozenset[str]) -> bool:
    there, found = key in labels, text(labels.get(key))
    if operator == "In":
        return there and found in values
    if operator == "NotIn":
        return not there or found not in values
    if operator == "Exists":
        return there
    return not there if operator == "DoesNotExist" else True
