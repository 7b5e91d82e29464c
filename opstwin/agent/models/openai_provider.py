"""OpenAI, Azure OpenAI and compatible servers through OpenAI's own SDK.

Not through LangChain's chat model: that one reads `LANGSMITH_…` variables and would then send prompts to a third place
past everything that covers them, takes a stream without an end for an answer, and costs twice the time to import.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from opstwin.agent.models import openai_wire as wire
from opstwin.agent.models.port import ModelReply, ModelRequest
from opstwin.agent.models.providers import Assembler, Outfit, SdkProvider

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_WITHOUT_KEY: Final = "none"
"""The SDK wants a key; servers without one ignore it."""

_AZURE_AS_OPENAI: Final = "/openai/v1"
"""Where Azure answers like OpenAI itself, without deployments and versions in the address."""


class OpenAIProvider(SdkProvider):
    """One model of a server that speaks Chat Completions."""

    def __init__(self, outfit: Outfit) -> None:
        import openai

        super().__init__(openai, outfit, wire.OPTIONAL)
        self._client = _client(openai, outfit)

    def _body(self, request: ModelRequest, *, streaming: bool) -> dict[str, Any]:
        place = self._place
        return wire.body_of(
            request, place.model, compatible=place.kind == "compatible", room=place.thinking_tokens,
            streaming=streaming,
        )  # fmt: skip

    async def _send_whole(self, body: dict[str, Any]) -> Any:
        return await self._client.chat.completions.with_raw_response.create(**body)

    async def _send_streaming(self, body: dict[str, Any]) -> Any:
        return await self._client.chat.completions.create(**body)

    def _read(self, data: Mapping[str, Any]) -> ModelReply:
        return wire.reply_of(data)

    def _assembler(self) -> Assembler:
        return wire.Chunks()


def _client(openai: Any, outfit: Outfit) -> "AsyncOpenAI":
    place = outfit.place
    more: dict[str, Any] = {
        "api_key": outfit.key or _WITHOUT_KEY, "max_retries": 0, "timeout": outfit.timeout, "http_client": outfit.http,
    }  # fmt: skip
    client: AsyncOpenAI
    if place.kind == "azure" and not place.base_url.endswith(_AZURE_AS_OPENAI):
        client = openai.AsyncAzureOpenAI(
            azure_endpoint=place.base_url, azure_deployment=place.model, api_version=place.api_version, **more
        )
    else:
        client = openai.AsyncOpenAI(base_url=place.base_url, **more)
    return client
