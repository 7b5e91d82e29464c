"""Anthropic through its own SDK."""

from collections.abc import Mapping
from typing import Any

from opstwin.agent.models import anthropic_wire as wire
from opstwin.agent.models.port import ModelReply, ModelRequest
from opstwin.agent.models.providers import Assembler, Outfit, SdkProvider


class AnthropicProvider(SdkProvider):
    """One model of a server that speaks Messages."""

    def __init__(self, outfit: Outfit) -> None:
        import anthropic

        super().__init__(anthropic, outfit, wire.OPTIONAL)
        self._transform = anthropic.transform_schema
        self._client = anthropic.AsyncAnthropic(
            api_key=outfit.key, base_url=self._place.base_url, max_retries=0, timeout=outfit.timeout,
            http_client=outfit.http, open_telemetry=False,
        )  # fmt: skip

    def _body(self, request: ModelRequest, *, streaming: bool) -> dict[str, Any]:
        place = self._place
        return wire.body_of(
            request, place.model, shape=self._shaped, room=place.thinking_tokens, streaming=streaming
        )  # fmt: skip

    def _shaped(self, schema: dict[str, Any]) -> dict[str, Any] | None:
        try:
            return self._transform(schema)
        except (ValueError, AssertionError):
            # What the vendor's own function cannot put in its form, its model cannot be held to.
            return None

    async def _send_whole(self, body: dict[str, Any]) -> Any:
        return await self._client.messages.with_raw_response.create(**_as_arguments(body))

    async def _send_streaming(self, body: dict[str, Any]) -> Any:
        return await self._client.messages.create(**_as_arguments(body))

    def _read(self, data: Mapping[str, Any]) -> ModelReply:
        return wire.reply_of(data)

    def _assembler(self) -> Assembler:
        return wire.Events()


def _as_arguments(body: dict[str, Any]) -> dict[str, Any]:
    """The SDK knows no temperature: newer models take none, older ones still do."""
    known = {name: value for name, value in body.items() if name != "temperature"}
    return known | ({"extra_body": {"temperature": body["temperature"]}} if "temperature" in body else {})
