"""Server-side apply: one object brought to what is wanted, without taking anything from others unasked."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from opstwin.domain.values import Json, Spec
from opstwin.errors import Rejected
from opstwin.manifests.amount_texts import with_amounts_as_text
from opstwin.targets.kubernetes.bodies import Part, filled, parts_of
from opstwin.targets.kubernetes.marks import marked
from opstwin.targets.kubernetes.objections import Objection, objections_in
from opstwin.targets.kubernetes.refusals import refusal
from opstwin.targets.kubernetes.sending import APPLY, Answer, Place, revision_of
from opstwin.targets.kubernetes.step import Live, Step

NEVER: Final = "1"
"""A resourceVersion that no object has, as the store's first write is later: it stands for "is not there yet"."""

_NOT_YET: Final = "resourceVersion should not be set on objects to be created"
"""How some kinds (Service) say, with status 500, that an object to which a revision was given is not there."""

_MOST_NAME: Final = 40
"""Characters of a name that are kept in the name of its trial; the names of pods must fit into 63."""

Resolve = Callable[[str], str]


class Raced(Exception):
    """Somebody changed the object between the look and the write."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a server would make of an apply, its warnings, and the fields that others hold."""

    body: Live
    warnings: tuple[str, ...]
    held: tuple[Objection, ...]


class Applied:
    """Applies the parts of one step to one object."""

    def __init__(self, step: Step, resolve: Resolve) -> None:
        self._step, self._resolve = step, resolve

    async def put(self, live: Live | None, *, guarded: bool = True, known: Live | None = None) -> Live:
        """The object afterwards.

        `live` is what it was at the last look: another object there, or another revision of it, raises `Raced`.
        `guarded` False lets an object that was not there then be there now. `known` is where values of secrets are
        taken from instead of `live`. Raises `Rejected` naming fields and owners where others hold what is wanted.
        """
        step = self._step
        for part in parts_of(step.change, step.wanted):
            body = self._body(part, live, known or live)
            revision = revision_of(live) if live is not None else NEVER if guarded else ""
            live = await self._apply(part, with_revision(body, revision))
        assert live is not None
        return live

    async def trial(self, live: Live | None) -> Trial:
        """What the server would make of it; nothing is changed. Raises its refusal."""
        return await self._tried(self._step.place.name, live, live)

    async def trial_new(self, live: Live) -> Trial:
        """What the server would make of a new object in the place of `live`; nothing is changed. Raises its refusal."""
        return await self._tried(f"{self._step.place.name[:_MOST_NAME].rstrip('-.')}-opstwin-trial", None, live)

    async def _tried(self, name: str, live: Live | None, known: Live | None) -> Trial:
        step = self._step
        own = next(part for part in parts_of(step.change, step.wanted) if part.is_ours)
        body = self._body(own, live, known)
        metadata = body["metadata"]
        named = {**body, "metadata": {**metadata, "name": name}} if isinstance(metadata, dict) else body
        answer = await step.trial(name, named, query_for(own.manager))
        held = objections_in(answer.status, answer.body)
        if held:
            answer = await step.trial(name, named, query_for(own.manager, force=True))
        if not answer.ok:
            raise self._refused(answer)
        return Trial(answer.body, answer.warnings, tuple(item for item in held if not item.is_our_own))

    def _body(self, part: Part, live: Live | None, known: Live | None) -> dict[str, Json]:
        body = filled(self._step.change.kind, part.body, known, self._resolve)
        placed = with_amounts_as_text(placed_in(self._step.place, body))
        return marked(placed, self._step.order, live) if part.is_ours else placed

    async def _apply(self, part: Part, body: Spec) -> Live:
        answer = await self._step.do("PATCH", body, APPLY, query_for(part.manager))
        held = objections_in(answer.status, answer.body)
        if held and self._may_take(held):
            answer = await self._step.do("PATCH", body, APPLY, query_for(part.manager, force=True))
            held = objections_in(answer.status, answer.body)
        if answer.ok:
            return answer.body
        if (answer.status == 409 and not held) or _NOT_YET in answer.said:
            raise Raced
        raise _held_by_others(self._step.place, held) if held else self._refused(answer)

    def _may_take(self, held: tuple[Objection, ...]) -> bool:
        return all(item.is_our_own or item.text in self._step.change.takes for item in held)

    def _refused(self, answer: Answer) -> Exception:
        return refusal(answer, f"to {self._step.change.op.value} {self._step.place.words}")


def query_for(manager: str, *, force: bool = False) -> dict[str, str]:
    """The options of an apply. Servers older than 1.25 do not know `fieldValidation` and pass over it."""
    asked = {"fieldManager": manager, "fieldValidation": "Strict"}
    return asked | ({"force": "true"} if force else {})


def placed_in(place: Place, body: Spec) -> dict[str, Json]:
    """`body` in the API version that the cluster serves, with the name and namespace of its place, and nothing else
    that only a cluster can say of an object."""
    metadata = body.get("metadata")
    said = metadata if isinstance(metadata, dict) else {}
    chosen: dict[str, Json] = {key: said[key] for key in ("labels", "annotations") if key in said}
    chosen["name"] = place.name
    if place.namespace:
        chosen["namespace"] = place.namespace
    kept = {key: value for key, value in body.items() if key != "status"}
    return {**kept, "apiVersion": place.api_version, "metadata": chosen}


def with_revision(body: Spec, revision: str) -> dict[str, Json]:
    """`body`, to be applied to that revision of the object only; an empty one stands for any."""
    metadata = body.get("metadata")
    if not revision or not isinstance(metadata, dict):
        return dict(body)
    return {**body, "metadata": {**metadata, "resourceVersion": revision}}


def _held_by_others(place: Place, held: tuple[Objection, ...]) -> Rejected:
    named = ", ".join(f"{item.field} (owned by {item.owner})" for item in held[:5])
    more = f" and {len(held) - 5} more" if len(held) > 5 else ""
    return Rejected(
        f"Others own what is wanted of {place.words}: {named}{more}.",
        next_step="Leave these fields to their owner, or plan again with --take-over.",
        details={"conflicts": [{"owner": item.owner, "field": item.field} for item in held]},
    )
