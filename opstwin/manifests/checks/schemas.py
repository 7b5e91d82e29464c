"""The packaged schemas: which kinds each release of Kubernetes serves, and the fields that they have."""

import json
import lzma
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from opstwin.errors import InvalidInput
from opstwin.manifests.checks.shapes import ANYTHING, SIMPLE, Shape, Type

_VERSION: Final = re.compile(r"v?1\.(\d{1,3})(?:[.+-].{0,60})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Release:
    """One release of Kubernetes, `1.minor`. `asked` is what the caller named, where there are no schemas for that."""

    minor: int
    asked: str = ""

    def __str__(self) -> str:
        return f"1.{self.minor}"


@dataclass(frozen=True, slots=True)
class Serving:
    """One kind in one API version: the first and last release that serves it."""

    api: str
    kind: str
    first: int
    last: int
    definition: int


@cache
def _packaged() -> Mapping[str, Any]:
    data = files("opstwin.manifests.checks").joinpath("data/kubernetes.json.xz").read_bytes()
    content: Mapping[str, Any] = json.loads(lzma.decompress(data))
    return content


def release_of(version: str | None) -> Release:
    """The release whose schemas are used for `version` (`1.29`, `v1.29.4-gke.1`); the newest one for None.

    Raises `InvalidInput` for what is no version of Kubernetes.
    """
    data = _packaged()
    first, last = int(data["first"]), int(data["last"])
    if version is None:
        return Release(last)
    match = _VERSION.fullmatch(version)
    if match is None:
        raise InvalidInput(
            f"{version[:40]!r} is not a version of Kubernetes.", field="version",
            next_step=f"Use 1.{first} to 1.{last}, such as 1.{last}.",
        )  # fmt: skip
    asked = int(match[1])
    minor = min(max(asked, first), last)
    return Release(minor, asked="" if minor == asked else f"1.{asked}")


@cache
def servings() -> Mapping[tuple[str, str], tuple[Serving, ...]]:
    """Every kind that some release serves, by apiVersion and kind."""
    found: dict[tuple[str, str], tuple[Serving, ...]] = {}
    for api, kind, definition, first, last in _packaged()["kinds"]:
        serving = Serving(api, kind, first, last, definition)
        found[api, kind] = (*found.get((api, kind), ()), serving)
    return found


@cache
def by_kind() -> Mapping[str, tuple[Serving, ...]]:
    """Every API version of a kind."""
    found: dict[str, tuple[Serving, ...]] = {}
    for (_, kind), items in servings().items():
        found[kind] = (*found.get(kind, ()), *items)
    return found


def serving_in(minor: int, api: str, kind: str) -> Serving | None:
    """The kind as release 1.`minor` serves it, None when it does not."""
    for serving in servings().get((api, kind), ()):
        if serving.first <= minor <= serving.last:
            return serving
    return None


@cache
def type_of(minor: int, definition: int) -> Type:
    """The type of one packaged definition in release 1.`minor`."""
    return _Maker.of(minor).definition(definition)


class _Maker:
    """Makes types of one release, each definition once, so that they may refer to each other."""

    def __init__(self, minor: int) -> None:
        self._minor = minor
        self._rows: list[list[list[Any]]] = _packaged()["definitions"]
        self._made: dict[int, Type] = {}

    @staticmethod
    @cache
    def of(minor: int) -> "_Maker":
        """The maker of one release."""
        return _Maker(minor)

    def definition(self, place: int) -> Type:
        """The type of a definition."""
        if place in self._made:
            return self._made[place]
        rows = [row for row in self._rows[place] if row[3] <= self._minor <= row[4]]
        if not rows or not rows[0][0]:
            self._made[place] = self.node(rows[0][1]) if rows else ANYTHING
            return self._made[place]
        fields: dict[str, Type] = {}
        required = tuple(row[0] for row in rows if row[2])
        self._made[place] = Type(Shape.OBJECT, fields=fields, required=required)
        for name, node, *_ in rows:
            fields[name] = self.node(node)
        return self._made[place]

    def node(self, node: Any) -> Type:
        """The type of what stands behind a field."""
        if isinstance(node, int):
            return self.definition(node)
        if isinstance(node, str):
            return SIMPLE[Shape(node)]
        letter, *rest = node
        if letter == "e":
            return Type(Shape.CHOICE, choices=frozenset(rest))
        return Type(Shape(letter), item=self.node(rest[0]))
