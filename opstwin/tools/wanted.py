"""What a deployment is asked for with: what shall run, how, and on which cluster."""

from dataclasses import dataclass, replace
from typing import Annotated, Final

from pydantic import Field

from opstwin.control.asking import target_of
from opstwin.control.elsewhere import elsewhere
from opstwin.control.generating import Part
from opstwin.domain.ask import Action
from opstwin.domain.ask import Ask as Asked
from opstwin.domain.own_words import run_by
from opstwin.domain.target import Target
from opstwin.domain.values import resource_id
from opstwin.errors import InvalidInput, NotFound
from opstwin.intent.words import read_request
from opstwin.manifests.generating.info import info_of_workload
from opstwin.tools.fields import MAX_FILE, SubjectName, TargetName
from opstwin.tools.registry import Ask
from opstwin.tools.services import Services
from opstwin.tools.sources import Source, source_named, source_of_file
from opstwin.tools.wishes import Wishes

_WAYS: Final = ("source", "file", "words")
_SAID: Final = frozenset({Action.DEPLOY, Action.MOVE, Action.COPY})
"""What words may ask for here; other changes are plans."""


class Wanted(Ask):
    """What shall run, exactly one of `source`, a container, workload or image; `file`, a workload or Compose file; and
    `words`. `project` and `variables` belong to a Compose file. `target` is a cluster.
    """

    source: SubjectName | None = None
    file: Annotated[str | None, Field(min_length=1, max_length=MAX_FILE)] = None
    words: Annotated[str | None, Field(min_length=1, max_length=4000, examples=["copy web to prod"])] = None
    project: Annotated[str, Field(max_length=63, pattern=r"^[a-z0-9-]*$")] = ""
    variables: Annotated[dict[str, str], Field(default_factory=dict, max_length=200)]
    target: TargetName | None = None
    options: Annotated[Wishes, Field(default_factory=Wishes)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """What was found behind a request; `said` is what the words came to. Without `target` no cluster was named."""

    said: Asked
    source: Source
    target: Target | None


async def meant(services: Services, ask: Wanted, *, for_target: bool) -> Meant:
    """What is wanted. With `for_target` a target that is not named is the one default, else there is none.

    Raises `InvalidInput` unless exactly one way of asking is used, and for words that ask for something else;
    `NotFound` and `Unclear` with the choices like whatever looks up the target and the source.
    """
    _check_one_way(ask)
    said = _read(ask)
    target = await _target(services, said, for_target=for_target)
    return Meant(said=said, source=await _source(services, ask, said, target), target=target)


def _check_one_way(ask: Wanted) -> None:
    given = [way for way in _WAYS if getattr(ask, way) is not None]
    if len(given) != 1:
        raise InvalidInput(
            f"Give exactly one of {', '.join(_WAYS)}, not {' and '.join(given) or 'none'}.",
            field=given[1] if given else "source", next_step='Such as {"source": "web"}.',
        )  # fmt: skip
    for field in ("project", "variables"):
        if getattr(ask, field) and ask.file is None:
            raise InvalidInput(f"{field} belongs to a file.", field=field, next_step=f"Leave {field} out.")


def _read(ask: Wanted) -> Asked:
    """What the words say; without words, that something is to be deployed on the target named."""
    if ask.words is None:
        return Asked(action=Action.DEPLOY, name="", target=ask.target)
    said = read_request(ask.words)
    if said.action not in _SAID:
        raise InvalidInput(
            f"Manifests come from deploying, moving or copying, not from {said.action.value.replace('_', ' ')}.",
            field="words", next_step="Make a plan: opstwin plan …",
        )  # fmt: skip
    if ask.target is not None and said.target not in (None, ask.target):
        raise InvalidInput(
            f"The words say {said.target}, the request says {ask.target}.", field="target", next_step="Name one target."
        )
    return said if ask.target is None else replace(said, target=ask.target)


async def _target(services: Services, said: Asked, *, for_target: bool) -> Target | None:
    if said.target is None and said.action is Action.DEPLOY and not for_target:
        return None
    return await services.ledger.need(Target, target_of(said, await services.ledger.all(Target)))


async def _source(services: Services, ask: Wanted, said: Asked, target: Target | None) -> Source:
    if ask.file is not None:
        return await source_of_file(ask.file, ask.project, ask.variables)
    if ask.source is not None:
        return await source_named(services, ask.source)
    if said.workload is not None:
        part = Part(info=info_of_workload(said.workload))
        names = tuple(run_by(said.workload))
        return Source(label=f"words: {said.name}", sort="words", parts=(part,), names=names)
    assert target is not None  # what is moved or copied goes to a target that is named
    return _scaled(await _elsewhere(services, said, target), said)


async def _elsewhere(services: Services, said: Asked, target: Target) -> Source:
    try:
        found = await elsewhere(services.ledger, said, target.id)
    except NotFound:
        if said.whole_project:
            raise
        source = await source_named(services, said.name)  # a container that nobody has taken over yet
        return replace(source, sort="words")
    ids = [resource_id(found.source, "workload", item.name) for item in found.workloads]
    parts = tuple([part for id in ids for part in (await source_named(services, id)).parts])
    return Source(label=", ".join(ids)[:400], sort="words", parts=parts)


def _scaled(source: Source, said: Asked) -> Source:
    """The source, scaling by its use where the words say so."""
    if said.scaling is None:
        return source
    scaling = said.scaling
    parts = (
        replace(part, info=replace(part.info, autoscale=scaling.over(part.info.autoscale))) for part in source.parts
    )
    return replace(source, parts=tuple(parts))
