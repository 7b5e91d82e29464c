"""Requests, and gateways whose requests end at a script."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from opstwin.agent.models.gateway import Gateway
from opstwin.agent.models.opening import open_model
from opstwin.agent.models.port import Delta, LanguageModel, Message, ModelRequest, Role, ToolOffer
from opstwin.agent.models.scripted_client import client_of
from opstwin.agent.models.scripted_server import ScriptedServer
from opstwin.clock import VirtualClock
from opstwin.settings import Settings, load_settings

TOOL = ToolOffer(
    name="plan_show", description="Shows a plan.",
    schema={"type": "object", "properties": {"plan": {"type": "string"}}, "required": ["plan"]},
)  # fmt: skip
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"memory": {"type": "string"}}, "required": ["memory"]}
OPENAI = {"kind": "openai", "model": "gpt-6-sol", "credential": "env:KEY"}
ANTHROPIC = {"kind": "anthropic", "model": "claude-sonnet-5-5", "credential": "env:KEY"}
AZURE = {"kind": "azure", "model": "d-1", "credential": "env:KEY", "base_url": "https://ours.openai.azure.com"}
COMPATIBLE = {"kind": "compatible", "model": "local", "base_url": "http://127.0.0.1:1/v1"}
KINDS = {"openai": OPENAI, "azure": AZURE, "compatible": COMPATIBLE, "anthropic": ANTHROPIC}
KEY = "k3y-of-the-provider-71"


def asked(text: str = "Why 256 MiB?", messages: Sequence[Message] | None = None, **more: Any) -> ModelRequest:
    """A request as drafting makes them."""
    thread = [Message(role=Role.USER, text=text)] if messages is None else messages
    fields = {"purpose": "draft", "system": "You are Opstwin.", "examples": "Past deployments: none.", **more}
    return ModelRequest(messages=thread, **fields)


async def streamed(model: LanguageModel, request: ModelRequest) -> list[Delta]:
    """All pieces of an answer."""
    return [delta async for delta in model.stream(request)]


def settings_of(*providers: dict[str, Any], **own: Any) -> Settings:
    """Settings with these providers, named `first`, `second`, … in that order."""
    names = ("first", "second", "third")
    models = {"providers": dict(zip(names, providers, strict=False)), **own}
    return load_settings({"OPSTWIN_MODELS": json.dumps(models)}, ())


def gateway(
    server: ScriptedServer, *providers: dict[str, Any], clock: VirtualClock | None = None,
    veil: Callable[[str], str] = str, **own: Any,
) -> Gateway:  # fmt: skip
    """A gateway to the script; without providers to one that speaks OpenAI's wire."""
    settings = settings_of(*(providers or (OPENAI,)), **own)
    return open_model(settings, clock or VirtualClock(), veil, environ={"KEY": KEY}, http=client_of(server))
