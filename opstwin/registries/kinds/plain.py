"""Registries that take a name and a password, and Harbor, whose robot accounts are such pairs."""

from dataclasses import dataclass

from opstwin.registries.kinds.references import pair_of
from opstwin.registries.ports import Login, SigningIn


@dataclass(frozen=True, slots=True)
class Plain:
    """Any registry of the OCI distribution API: anonymous, Basic, or tokens for a pair."""

    name: str = "plain"
    options: tuple[str, ...] = ()

    def suits(self, host: str) -> bool:
        """See the port: what no other type knows is plain."""
        return False

    async def login(self, signing: SigningIn) -> Login:
        """See the port."""
        return await pair_of(signing)


@dataclass(frozen=True, slots=True)
class Harbor:
    """Harbor. `username` is a person's, or a robot account's whole name: `robot$name`, `robot$project+name`."""

    name: str = "harbor"
    options: tuple[str, ...] = ()

    def suits(self, host: str) -> bool:
        """See the port."""
        return host.split(".", 1)[0] == "harbor"

    async def login(self, signing: SigningIn) -> Login:
        """See the port."""
        return await pair_of(signing)
