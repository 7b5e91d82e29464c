"""Handing answers out: what others wrote in them is marked, labelled and remembered, whatever the face.

A request that repeats what was handed out is known for that afterwards (`opstwin.control.tainting`).
"""

import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from opstwin import logs
from opstwin.control.tainting import Quoted
from opstwin.domain.own_words import strings
from opstwin.domain.taint import LISTS, seen_images
from opstwin.domain.values import Json, to_json
from opstwin.errors import OpstwinError, TargetError
from opstwin.tools import guard
from opstwin.tools.registry import AnyTool, Caller, StreamItem
from opstwin.tools.services import Services
from opstwin.tools.shaping import WHOLE, Part, shaped
from opstwin.tools.untrusted import MAX_FENCED, CoveredItems, Found, cleaned, covered, fenced, found_in, marked

MAX_SOURCES: Final = 20
_BUNCH: Final = 64
"""Items of a stream that are written down together."""

_THING: Final = "twin_get"
_HAPPENED: Final = "changes"
"""The tool and the field of its answer whose lines the hub writes itself, from what happened lately."""

_SUBJECTS: Final = ("id", "subject", "resource", "target", "workload", "name")


@dataclass(frozen=True, slots=True)
class _Given:
    """What an answer became for AI clients; `quoted` is what of it others wrote, empty where none is."""

    data: Mapping[str, Any]
    text: str
    quoted: tuple[Quoted, ...]


def source_of(tool: AnyTool, raw: Mapping[str, Json]) -> str:
    """What an answer of the tool quotes, and of what: `logs of local/container/web-1`."""
    subject = next((str(raw[key]) for key in _SUBJECTS if isinstance(raw.get(key), str) and raw[key]), "")
    return cleaned(f"{tool.quotes} of {subject}" if subject else tool.quotes, limit=120, one_line=True)


async def handed_out(
    services: Services,
    caller: Caller,
    tool: AnyTool,
    raw: Mapping[str, Json],
    answer: Mapping[str, Any],
    part: Part = WHOLE,
) -> tuple[Mapping[str, Any], str]:
    """The part of an answer that an AI client is given, and its text, with all that others wrote marked and remembered.

    Secrets are masked in every answer before it is cut or put in short, so that its text holds none either. Where the
    tool quotes others, `untrusted` says which fields and whom, and the text stands in a fence. The same answer is not
    worked out twice, so nobody may change it. Raises `InvalidInput` for fields that the answer does not have.
    """
    await services.veil.ready()
    source = source_of(tool, raw) if tool.quotes else ""
    said = json.dumps(answer)
    # The digest alone: what is remembered holds nothing of an answer before its secrets were masked.
    key = (tool.name, part.form, part.fields or "", source, hashlib.sha256(said.encode()).hexdigest())
    given: _Given | None = services.veil.answers.get(key)
    if given is None:
        given = _given(services, tool, source, answer, part)
        services.veil.answers.keep(key, given, len(said))
    for quoted in given.quoted:
        await services.taints.note(caller, quoted)
    return given.data, given.text


def _given(services: Services, tool: AnyTool, source: str, answer: Mapping[str, Any], part: Part) -> _Given:
    data, text = shaped(tool, marked(answer, services.veil.over), part)
    found = found_in(data) if tool.quotes else Found()
    if not found.paths:
        return _Given(data, text, ())
    untrusted = [{"path": path, "source": source} for path in list(found.paths)[:MAX_SOURCES]]
    data = {**data, "untrusted": untrusted}
    return _Given(data, _in_fence(text, data, source), _quoted(tool, source, data, found))


def _quoted(tool: AnyTool, source: str, data: Mapping[str, Any], found: Found) -> tuple[Quoted, ...]:
    """What others wrote in an answer; an image that only a line of ours lists there is read in a list.

    The same line anywhere else in the answer stays a text of others.
    """
    lines = data.get(_HAPPENED) if tool.name == _THING else None
    texts, listed = list(found.texts), seen_images(lines if isinstance(lines, list | tuple) else ())
    for line in listed:
        texts.remove(line)
    places = ((source, texts), (source.replace(tool.quotes, LISTS[0], 1), listed))
    return tuple(Quoted(place, tuple(said)) for place, said in places if said)


async def told_failure(
    services: Services, caller: Caller, error: OpstwinError, data: Mapping[str, Any], text: str
) -> tuple[dict[str, Any], str]:
    """A failure, as `error` in `data`, as an AI client is given it. What a target said is the target's and not ours."""
    await services.veil.ready()
    shown = marked(data, services.veil.over)
    if not _quotes_target(error):
        return shown, cleaned(services.veil.over(text))
    source, found = _source_of_error(error), found_in(shown)
    await services.taints.note(caller, Quoted(source, tuple(found.texts)))
    shown["untrusted"] = [{"path": path, "source": source} for path in found.paths]
    step = str(data["error"]["next_step"])
    said = services.veil.over(text).removesuffix(step).strip()
    return shown, f"{fenced(said, source, cover=str)}\n{step}".strip()


async def answered_plainly(
    tool: AnyTool, services: Services, caller: Caller, raw: Mapping[str, Json], *, as_text: bool = False
) -> Any:
    """The answer of a tool for the HTTP API. A person's is as it is.

    Any other caller gets it, or the failure, without secrets; what others wrote in it is remembered.
    """
    async with failing_plainly(services, caller):
        answer = await guard.call(tool, services, caller, raw, as_text=as_text)
    if caller.is_person or tool.secret:
        return answer
    await services.veil.ready()
    shown = covered(answer, services.veil.over)
    if tool.quotes:
        for quoted in _quoted(tool, source_of(tool, raw), shown, found_in(shown)):
            await services.taints.note(caller, quoted)
    return shown


@asynccontextmanager
async def failing_plainly(services: Services, caller: Caller) -> AsyncIterator[None]:
    """Let a failure of the HTTP API through as its caller may have it; what a target said in it is remembered."""
    try:
        yield
    except OpstwinError as error:
        if not caller.is_person:
            await services.veil.ready()
            error.message, error.next_step = services.veil.over(error.message), services.veil.over(error.next_step)
            error.details = covered(error.details, services.veil.over)
        if _quotes_target(error):
            said = [error.message, *strings(to_json(logs.redact_event(None, "", dict(error.details))))]
            await services.taints.note(caller, Quoted(_source_of_error(error), tuple(said)))
        raise


async def streamed_plainly(
    services: Services, caller: Caller, tool: AnyTool, raw: Mapping[str, Json], items: AsyncIterator[StreamItem]
) -> AsyncIterator[StreamItem]:
    """The same stream for a person. Any other caller gets it without secrets.

    What others wrote in it is remembered in bunches, and before the next request of the caller is judged.
    """
    if caller.is_person:
        async for item in items:
            yield item
        return
    shown, source, given = CoveredItems(services.veil.over), source_of(tool, raw), 0
    await services.veil.ready()
    try:
        async with failing_plainly(services, caller):
            async for item in items:
                given += 1
                if given % _BUNCH == 0:
                    await services.veil.ready()
                    await services.taints.keep()
                data = shown.next(item.data)
                if tool.quotes:
                    await services.taints.hear(caller, Quoted(source, tuple(found_in(data).texts)))
                yield replace(item, data=data)
    finally:
        if isinstance(items, AsyncGenerator):
            await items.aclose()
        await services.taints.keep()


def _quotes_target(error: OpstwinError) -> bool:
    return isinstance(error, TargetError) or "engine" in error.details


def _source_of_error(error: OpstwinError) -> str:
    return f"an error of {error.details.get('target') or error.details.get('operation') or 'a target'}"


def _in_fence(text: str, data: Mapping[str, Any], source: str) -> str:
    """`text` in a fence, with our own last lines behind it. Nothing in `text` can say that it stands in one already."""
    ours: list[str] = []
    rest = text.split("\n")
    known = {f"Next: {data.get('hint')}", f"More: cursor={data.get('next')}"}
    while rest and rest[-1] in known:
        ours.insert(0, rest.pop())
    return "\n".join([fenced("\n".join(rest), source, limit=2 * MAX_FENCED, cover=str), *ours])
