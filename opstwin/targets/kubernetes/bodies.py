"""What is sent for a step: manifests with their values filled in, and what is put back for others."""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from opstwin.domain.plan import Change, Op
from opstwin.domain.values import Json, Spec
from opstwin.errors import Rejected
from opstwin.manifests.difference import MASK, laid_over
from opstwin.manifests.merging import keys_of, signature_of
from opstwin.manifests.ownership import MANAGER, RESTORER, owned_by, remainder, restricted
from opstwin.manifests.volatile import without_volatile

_REFERENCE: Final = "secretRef"


@dataclass(frozen=True, slots=True)
class Part:
    """One manifest to apply as `manager`."""

    manager: str
    body: Spec

    @property
    def is_ours(self) -> bool:
        """Whether this part carries what Opstwin wants, and with it the marks."""
        return self.manager == MANAGER


def parts_of(change: Change, after: Spec) -> tuple[Part, ...]:
    """The manifests to apply, in that order, so that the object says what `after` says.

    What was observed before and is put back was not all Opstwin's: what others owned is put back beside, as
    `opstwin-restore`, so that Opstwin does not own afterwards what it did not own before.
    """
    metadata = after.get("metadata")
    if not isinstance(metadata, dict) or "managedFields" not in metadata:
        return (Part(MANAGER, after),)
    owned = owned_by(after)
    if change.op is Op.UPDATE:
        touched = laid_over(change.kind, change.before, after) if change.before else {}
        others = remainder(touched, owned)
        before = (Part(RESTORER, others),) if others is not None else ()
        return (*before, Part(MANAGER, restricted(after, owned)))
    whole = without_volatile(change.kind, after)
    own = Part(MANAGER, restricted(whole, owned))
    others = remainder(whole, owned)
    if others is None:
        return (own,)
    # It exists only as a whole; then each owner keeps its own.
    return (Part(RESTORER, whole), own, Part(RESTORER, others))


def filled(kind: str, body: Spec, live: Spec | None, resolve: Callable[[str], str]) -> dict[str, Json]:
    """`body` with the values of secrets, which come from their references or stay as they are on the target.

    Raises `Rejected` naming the field, never a value, for a value that neither knows.
    """
    known = _Known(kind, "").value("", dict(body), dict(live or {}))
    made = known if isinstance(known, dict) else {}
    asked = made.pop("stringData", None)
    if kind == "secret" and isinstance(asked, dict):
        held = made.get("data")
        values = {key: _encoded(key, item, resolve) for key, item in asked.items()}
        made["data"] = {**(held if isinstance(held, dict) else {}), **values}
    elif asked is not None:
        made["stringData"] = asked
    return made


def _encoded(key: str, item: Json, resolve: Callable[[str], str]) -> Json:
    reference = item.get(_REFERENCE) if isinstance(item, dict) else None
    if not isinstance(reference, str):
        raise Rejected(
            f"stringData.{key} holds no reference to a secret.",
            next_step="Write it as {secretRef: env:NAME}, and plan again.",
            details={"field": f"stringData.{key}"},
        )
    return b64encode(resolve(reference).encode()).decode()


@dataclass(frozen=True, slots=True)
class _Known:
    """Puts the values that are on the target where a body shows that they are kept from reading."""

    kind: str
    path: str

    def value(self, field: str, wanted: Json, live: Json) -> Json:
        below = _Known(self.kind, f"{self.path}.{field}".strip("."))
        if isinstance(wanted, dict):
            there = live if isinstance(live, dict) else {}
            return {key: below.value(key, item, there.get(key)) for key, item in wanted.items()}
        if isinstance(wanted, list):
            others = below.matches(field, wanted, live if isinstance(live, list) else [])
            return [below.value("", item, other) for item, other in zip(wanted, others, strict=True)]
        if isinstance(wanted, str) and MASK in wanted:
            if isinstance(live, str) and MASK not in live:
                return live
            raise _unknown(below.path)
        return wanted

    def matches(self, field: str, wanted: list[Json], live: list[Json]) -> list[Json]:
        keys = keys_of(self.kind, field, wanted)
        if keys is None:
            return live if len(live) == len(wanted) else [None] * len(wanted)
        there = {signature_of(item, keys): item for item in live}
        return [there.get(signature_of(item, keys)) for item in wanted]


def _unknown(path: str) -> Rejected:
    return Rejected(
        f"Nobody here knows the value of {path}: it was never read, as it may be secret.",
        next_step="Give a reference for it, such as {secretRef: env:NAME} in stringData, and plan again.",
        details={"field": path},
    )
