"""The suite's resources, prompts and completions."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import mcp_types as types
from mcp.shared.exceptions import MCPError

from opstwin.server.mcp.conformance import asking
from opstwin.server.mcp.conformance.contents import IMAGE, embedded, form, image, text
from opstwin.server.mcp.tasks_wire import Context

TEMPLATE: Final = "test://template/{id}/data"
_TEMPLATED: Final = re.compile(r"test://template/([^/]+)/data")
_TEXTS: Final = {
    "test://static-text": "This is the content of the static text resource.",
    "test://watched-resource": "Watched resource content",
}
_BINARY: Final = "test://static-binary"

_CONTEXT_FORM: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"context": {"type": "string"}},
    "required": ["context"],
}

Arguments = Mapping[str, str]
_PROMPTS: Final[Mapping[str, tuple[tuple[str, ...], Callable[[Arguments], list[types.ContentBlock]]]]] = {
    "test_simple_prompt": ((), lambda _: [text("This is a simple prompt for testing.")]),
    "test_prompt_with_arguments": (
        ("arg1", "arg2"),
        lambda given: [text(f"Prompt with arguments: arg1='{given.get('arg1')}', arg2='{given.get('arg2')}'")],
    ),
    "test_prompt_with_embedded_resource": (
        ("resourceUri",),
        lambda given: [
            embedded(given.get("resourceUri", "test://none"), "Embedded resource content for testing."),
            text("Please process the embedded resource above."),
        ],
    ),
    "test_prompt_with_image": ((), lambda _: [image(), text("Please analyze the image above.")]),
}
_ASKING_PROMPT: Final = "test_input_required_result_prompt"


async def list_resources(_context: Context, _params: types.PaginatedRequestParams | None) -> types.ListResourcesResult:
    """All of them on one page."""
    named = [
        types.Resource(uri=uri, name=uri.rpartition("/")[2], description=f"{uri} of the suite", mime_type="text/plain")
        for uri in _TEXTS
    ]
    binary = types.Resource(uri=_BINARY, name="static-binary", description="A picture", mime_type="image/png")
    return types.ListResourcesResult(resources=[*named, binary])


async def list_templates(
    _context: Context, _params: types.PaginatedRequestParams | None
) -> types.ListResourceTemplatesResult:
    """The one template."""
    template = types.ResourceTemplate(
        uri_template=TEMPLATE, name="template", description="Data of one id", mime_type="application/json"
    )
    return types.ListResourceTemplatesResult(resource_templates=[template])


async def read(_context: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
    """One resource; -32602 for an address that none has."""
    uri = str(params.uri)
    templated = _TEMPLATED.fullmatch(uri)
    if uri in _TEXTS:
        held: Any = types.TextResourceContents(uri=uri, mime_type="text/plain", text=_TEXTS[uri])
    elif uri == _BINARY:
        held = types.BlobResourceContents(uri=uri, mime_type="image/png", blob=IMAGE)
    elif templated:
        data = {"id": templated[1], "templateTest": True, "data": f"Data for ID: {templated[1]}"}
        held = types.TextResourceContents(uri=uri, mime_type="application/json", text=json.dumps(data))
    else:
        raise MCPError(code=types.INVALID_PARAMS, message="There is no such resource.", data={"uri": uri})
    return types.ReadResourceResult(contents=[held])


async def list_prompts(_context: Context, _params: types.PaginatedRequestParams | None) -> types.ListPromptsResult:
    """All of them on one page."""
    prompts = [_prompt(name, needs) for name, (needs, _) in _PROMPTS.items()]
    return types.ListPromptsResult(prompts=[*prompts, _prompt(_ASKING_PROMPT, ())])


async def get_prompt(
    _context: Context, params: types.GetPromptRequestParams
) -> types.GetPromptResult | types.InputRequiredResult:
    """One prompt, filled in."""
    if params.name == _ASKING_PROMPT:
        given = asking.answer_to(params, "user_context")
        if given is None:
            return asking.need({"user_context": form("What context should the prompt use?", _CONTEXT_FORM)})
        return _messages([text(f"Use this context: {given.get('context')}")])
    if params.name not in _PROMPTS:
        raise MCPError(code=types.INVALID_PARAMS, message="There is no such prompt.")
    return _messages(_PROMPTS[params.name][1](params.arguments or {}))


async def complete(_context: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
    """Words that go on from what was typed."""
    words = [word for word in ("paris", "park", "party") if word.startswith(params.argument.value)]
    return types.CompleteResult(completion=types.Completion(values=words, total=len(words), has_more=False))


async def done(_context: Context, _params: types.RequestParams) -> types.EmptyResult:
    """Says yes to what has no effect here: log levels and subscriptions of the handshake era."""
    return types.EmptyResult()


def _prompt(name: str, needs: tuple[str, ...]) -> types.Prompt:
    arguments = [types.PromptArgument(name=need, description=f"The {need}", required=True) for need in needs]
    return types.Prompt(name=name, description=f"{name} of the suite", arguments=arguments or None)


def _messages(content: list[types.ContentBlock]) -> types.GetPromptResult:
    return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=item) for item in content])
