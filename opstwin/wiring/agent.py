"""The agent's conversations, put together when somebody first talks: until then nothing of them is imported."""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opstwin.agent.models.port import LanguageModel
from opstwin.tools.all_tools import REGISTRY
from opstwin.tools.registry import Registry
from opstwin.tools.services import Services

if TYPE_CHECKING:
    from opstwin.agent.conversing import Conversations


@dataclass(slots=True)
class Talking:
    """Opens the conversations of a hub, once. `model` None: they are held without one."""

    services: Services
    model: LanguageModel | None = None
    registry: Registry = REGISTRY
    _opened: "Conversations | None" = None
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __call__(self) -> "Conversations":
        """The conversations. Raises `ModelError` that says what to install, `StoreError` where they cannot be kept."""
        async with self._opening:
            if self._opened is None:
                self._opened = await self._made().open()
            return self._opened

    async def close(self) -> None:
        """Let go of what was opened."""
        if self._opened is not None:
            await self._opened.close()

    def _made(self) -> "Conversations":
        from opstwin.agent.conversing import Conversations

        return Conversations(services=self.services, registry=self.registry, model=self.model)
