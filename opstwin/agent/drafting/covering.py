"""What drafting needs of the things around it: a veil over secrets, and models that can forget an answer."""

from typing import Protocol, runtime_checkable

from opstwin.agent.models.port import LanguageModel, ModelRequest
from opstwin.domain.secret_text import without_secrets


class Covering(Protocol):
    """What masks secrets before anything leaves (`opstwin.tools.veiling.Veil`)."""

    async def ready(self) -> None:
        """Learn what the secrets are now."""
        ...

    def over(self, text: str) -> str:
        """`text` without secrets."""
        ...


@runtime_checkable
class Forgetting(Protocol):
    """A model that keeps answers, and can let go of one that was of no use."""

    async def forget(self, request: ModelRequest) -> None:
        """Ask anew the next time."""
        ...


class ByLooks:
    """Masks what looks like a secret, for drafts outside a hub."""

    async def ready(self) -> None:
        """There is nothing to learn."""

    def over(self, text: str) -> str:
        """See the port."""
        return without_secrets(text)


async def forget(model: LanguageModel, request: ModelRequest) -> None:
    """Have a model that keeps answers let go of that one: it turned out to be of no use."""
    if isinstance(model, Forgetting):
        await model.forget(request)
