"""Who owns which field: the entries of `managedFields`, and what an update does to them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from opstwin.targets.sim.kube.field_sets import Fields, changed_fields, from_v1, to_v1
from opstwin.targets.sim.kube.schema import Doc, Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """One entry. `operation` is Apply or Update; `at` is when its set last changed."""

    manager: str
    operation: str
    api_version: str
    subresource: str = ""
    at: str = ""
    fields: frozenset[tuple[str, ...]] = frozenset()

    def is_same(self, other: "Owner") -> bool:
        """Whether both are the same entry, apart from time and fields."""
        mine = (self.manager, self.operation, self.subresource)
        theirs = (other.manager, other.operation, other.subresource)
        return mine == theirs and (self.operation == "Apply" or self.api_version == other.api_version)

    def text(self) -> str:
        """How a conflict names it."""
        quoted = f'"{self.manager}"'
        if self.subresource:
            quoted += f' with subresource "{self.subresource}"'
        return f"{quoted} using {self.api_version}" if self.operation == "Update" else quoted


def owners_of(doc: Doc) -> list[Owner]:
    """The entries of an object."""
    return [
        Owner(
            manager=entry.get("manager", ""), operation=entry["operation"], api_version=entry["apiVersion"],
            subresource=entry.get("subresource", ""), at=entry.get("time", ""),
            fields=frozenset(from_v1(entry.get("fieldsV1") or {})),
        )
        for entry in doc["metadata"].get("managedFields") or []
    ]  # fmt: skip


def entries(owners: Iterable[Owner]) -> list[Doc]:
    """The entries as they are written, without those that own nothing."""
    kept = [owner for owner in owners if owner.fields]
    return [_entry(owner) for owner in sorted(kept, key=lambda one: (one.operation, one.at, one.manager))]


def _entry(owner: Owner) -> Doc:
    found: dict[str, Any] = {
        "manager": owner.manager, "operation": owner.operation, "apiVersion": owner.api_version, "time": owner.at,
        "fieldsType": "FieldsV1", "fieldsV1": to_v1(owner.fields),
    }  # fmt: skip
    if owner.subresource:
        found["subresource"] = owner.subresource
    return found


def after_update(before: Doc | None, after: Doc, shape: Shape, by: Owner) -> list[Doc]:
    """The entries once `by` made `after` of `before`: what changed is theirs, and no longer anybody else's."""
    owners = owners_of(before) if before else []
    put, gone = changed_fields(_bare(before) if before else {}, _bare(after), shape)
    if not put and not gone:
        return entries(owners)
    left = [_without(owner, put | gone, owner.is_same(by), gone) for owner in owners]
    if not any(owner.is_same(by) for owner in left):
        left.append(by)
    return entries(
        replace(owner, fields=(owner.fields - frozenset(gone)) | put, at=by.at) if owner.is_same(by) and put else owner
        for owner in left
    )


def _without(owner: Owner, taken: Fields, own: bool, gone: Fields) -> Owner:
    lost = owner.fields & frozenset(gone if own else taken)
    return replace(owner, fields=owner.fields - lost) if lost else owner


def _bare(doc: Doc) -> Doc:
    meta = {key: value for key, value in doc["metadata"].items() if key not in ("managedFields", "resourceVersion")}
    return {**doc, "metadata": meta}
