"""Handing answers out: what others wrote in them is marked, labelled and remembered, whatever the face.

A request that repeats what was handed out is known for that afterwards (`opstwin.control.tainting`).
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import Any, Final

from opstwin import logs
from opstwin.control.tainting import strings
from opstwin.domain.values import Json, to_json
from opstwin.errors import OpstwinError, TargetError
from opstwin.tools import guard
from opstwin.tools.registry import AnyTool, Caller, StreamItem
from opstwin.tools.services import Services
from opstwin.tools.untrusted import MAX_FENCED, cleaned, fenced, found_in, marked

MAX_SOURCES: Final = 20
_BUNCH: Final = 64
"""Items of a stream that are written down together."""

_SUBJECTS: Final = ("id", "subject", "resource", "target", "workload", "name")

Shape = Callable[[Mapping[str, Any]], tuple[dict[str, Any], str]]
"""A whole answer → the part that is given, and its text."""


def source_of(tool: AnyTool, raw: Mapping[str, Json]) -> str:
    """What an answer of the tool quotes, and of what: `logs of local/container/web-1`."""
    subject = next((str(raw[key]) for key in _SUBJECTS if isinstance(raw.get(key), str) and raw[key]), "")
    return cleaned(f"{tool.quotes} of {subject}" if subject else tool.quotes, limit=120, one_line=True)


async def handed_out(
    services: Services, caller: Caller, tool: AnyTool, raw: Mapping[str, Json], answer: Mapping[str, Any], shape: Shape
) -> tuple[dict[str, Any], str]:
    """The part of an answer that an AI client is given, and its text, with all that others wrote marked and remembered.

    Secrets are masked in every answer before it is cut or put in short, so that its text holds none either. Where the
    tool quotes others, `untrusted` says which fields and whom, and the text stands in a fence.
    """
    await services.veil.ready()
    data, text = shape(marked(answer, services.veil.over, services.veil.rows))
    if not tool.quotes:
        return data, text
    source = source_of(tool, raw)
    found = found_in(data)
    if found.paths:
        data = {**data, "untrusted": [{"path": path, "source": source} for path in list(found.paths)[:MAX_SOURCES]]}
    await services.taints.note(caller, source, found.texts)
    return data, _in_fence(text, data, source) if found.paths else text


async def told_failure(
    services: Services, caller: Caller, error: OpstwinError, data: Mapping[str, Any], text: str
) -> tuple[dict[str, Any], str]:
    """A failure as an AI client is given it. What a target said in it is the target's and not ours."""
    await services.veil.ready()
    shown = marked(data, services.veil.over)
    if not _quotes_target(error):
        return shown, cleaned(services.veil.over(text))
    source, found = _source_of_error(error), found_in(shown)
    await services.taints.note(caller, source, found.texts)
    shown["untrusted"] = [{"path": path, "source": source} for path in found.paths]
    said = services.veil.over(text).removesuffix(error.next_step).strip()
    return shown, f"{fenced(said, source, cover=str)}\n{error.next_step}".strip()


async def answered_plainly(
    tool: AnyTool, services: Services, caller: Caller, raw: Mapping[str, Json], *, as_text: bool = False
) -> Any:
    """The answer of a tool as it is, for the HTTP API; what others wrote in it, or in its failure, is remembered."""
    try:
        answer = await guard.call(tool, services, caller, raw, as_text=as_text)
    except OpstwinError as error:
        if _quotes_target(error):
            said = [error.message, *strings(to_json(logs.redact_event(None, "", dict(error.details))))]
            await services.taints.note(caller, _source_of_error(error), said)
        raise
    if tool.quotes and not caller.is_person:
        await services.taints.note(caller, source_of(tool, raw), found_in(answer).texts)
    return answer


async def streamed_plainly(
    services: Services, caller: Caller, tool: AnyTool, raw: Mapping[str, Json], items: AsyncIterator[StreamItem]
) -> AsyncIterator[StreamItem]:
    """The same stream; what an AI client is given is remembered in bunches, and before its next request is judged."""
    if not tool.quotes or caller.is_person:
        async for item in items:
            yield item
        return
    source, given = source_of(tool, raw), 0
    try:
        async for item in items:
            services.taints.hear(caller, source, found_in(item.data).texts)
            yield item
            given += 1
            if given % _BUNCH == 0:
                await services.taints.keep()
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
