"""What a registry is to the rest, and what a type of registry must be able to do. Types are given by plug-ins too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from opstwin.registries.names import api_host

GROUP: Final = "opstwin.registries"
"""The entry-point group of plug-ins that give a type of registry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A registry as it was configured; it holds references to secrets and never a secret.

    `username` is text or a reference; `credential`, and whatever an option of the type calls for, is a reference.
    `docker_config` is the path of a file as `docker login` writes it. `insecure`: plain HTTP, by a person's word.
    `token_hosts` are hosts besides its own that may be asked for tokens. `source` says where it was configured.
    """

    name: str
    host: str
    type: str = "plain"
    username: str = ""
    credential: str = ""
    docker_config: str = ""
    ca_file: str = ""
    insecure: bool = False
    token_hosts: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict, hash=False)
    source: str = ""

    @property
    def base_url(self) -> str:
        """Where its API begins."""
        return f"{'http' if self.insecure else 'https'}://{api_host(self.host)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What to sign in with: a pair for Basic and for token services, or a token that is exchanged for others.

    Empty is anonymous. `life_s` is how long it is good for; None is until somebody replaces it.
    """

    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    life_s: float | None = None

    @property
    def is_anonymous(self) -> bool:
        """Whether there is nothing to sign in with."""
        return not (self.password or self.refresh_token)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back over HTTP. Header names are in lower case; `body` is cut at what was asked for."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    challenges: Sequence[str] = ()
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked over HTTP. `named` says that the configuration names this host, and not an answer of another."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    named: bool = True


class Asker(Protocol):
    """Asks one registry's hosts over HTTP."""

    async def ask(self, request: Request) -> Answer:
        """One request, following no redirect.

        Raises `Unreachable`, `Timeout`, `LimitExceeded` (429, with `retry_after_s`; or an answer that is too long),
        and `InvalidInput` or `Forbidden` for an address that may not be asked.
        """
        ...


class Secrets(Protocol):
    """Turns references into values, at the moment they are needed."""

    def resolve(self, reference: str) -> str:
        """The value behind `env:NAME` or `file:NAME`. Raises `Rejected` that names the reference and never a value."""
        ...


class AddressCheck(Protocol):
    """Decides which addresses may be asked."""

    def __call__(self, address: str, port: int, *, by_person: bool) -> None:
        """Return when the address may be asked; else raise `InvalidInput` or `Forbidden`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningIn:
    """What a type of registry gets to make a login of. `now` is the moment as `YYYYMMDDTHHMMSSZ`."""

    place: Place
    secrets: Secrets
    asker: Asker
    now: str


class RegistryKind(Protocol):
    """One type of registry. `name` is what `type:` says; `options` are the options that it understands."""

    @property
    def name(self) -> str:
        """What a configuration calls it."""
        ...

    @property
    def options(self) -> tuple[str, ...]:
        """The options that it understands, besides those of every registry."""
        ...

    def suits(self, host: str) -> bool:
        """Whether a host without a given type is of this one, by its name alone."""
        ...

    async def login(self, signing: SigningIn) -> Login:
        """What to sign in with; anonymous where nothing is configured.

        Raises `InvalidInput` for a configuration that cannot be used, `Rejected` for a reference without a value,
        `Forbidden` when an issuer of tokens refuses.
        """
        ...
