"""What a tool is. Each is declared once; routes, reference pages and the permission matrix are made from it."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any, Final, Generic, TypeVar, cast

from pydantic import BaseModel, ConfigDict, TypeAdapter

from opstwin.domain.access import Actor, ActorKind, Principal, Scope
from opstwin.domain.draft_origin import DraftOrigin
from opstwin.domain.values import Json
from opstwin.tools.services import Services

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{2,40}")
_METHODS: Final = ("GET", "POST", "PUT", "PATCH")


class Ask(BaseModel):
    """The input of a tool. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class View(BaseModel):
    """The output of a tool."""

    model_config = ConfigDict(frozen=True, defer_build=True)


class Effect(StrEnum):
    """What a tool changes: nothing, the twin (plans and settings), a target, or who may do what."""

    READ = "read"
    PLAN = "plan"
    APPLY = "apply"
    ADMIN = "admin"


class Toolset(StrEnum):
    """What an AI client may choose to be offered. All but `admin` are the default set."""

    CORE = "core"
    DEPLOY = "deploy"
    HOSTS = "hosts"
    METRICS = "metrics"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """What stands behind a file that the hub's own agent plans: the person's words, and who filled in the rest.

    `words` are free of secrets. `in_words`: the file is all that these words ask for, so they can be said again.
    """

    words: str
    drafts: tuple[DraftOrigin, ...]
    in_words: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls: an authenticated principal with the scopes of its credential. `base_url` is how it reached the hub.

    `credential_id` names the credential without giving it away; calls are counted by it. `issuer` is the authorization
    server that vouched for an AI client, empty for the hub's own tokens. `said` is the whole request that a signed-in
    person said themselves, on which an agent of the hub acts for them, and `named` are the hosts that they wrote as
    addresses in this conversation; `behind` is what that agent says of the one file that it plans, and `plan_id` names
    the plan that this very call makes, so that it is found when the agent's process died behind it. No face takes any
    of them from outside.
    """

    principal: Principal
    scopes: frozenset[Scope]
    actor: Actor
    request_id: str
    base_url: str = ""
    credential_id: str = ""
    issuer: str = ""
    said: str = field(default="", repr=False)
    named: frozenset[str] = frozenset()
    behind: Behind | None = None
    plan_id: str = ""

    @property
    def is_person(self) -> bool:
        """Whether a human is calling, and not something that acts for one."""
        return self.principal.kind is ActorKind.PERSON and self.actor.kind is ActorKind.PERSON


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamItem:
    """One item of a stream: `type` names what it is, `id` is where to go on from after a break."""

    type: str
    data: Json
    id: str | None = None


Tag = Callable[[Services, Mapping[str, Any]], Awaitable[str]]
"""The variables of a path → the entity tag of what it names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a tool is found over HTTP, below `/api/v1`.

    `created` is the path of what was made, for the Location header. `etag` reads the entity tag out of the output.
    `if_match` names the input field that the If-Match header fills; a call without the header is then refused with what
    `tag` says that the entity tag is now.
    """

    method: str
    path: str
    status: int = 200
    created: str = ""
    etag: Callable[[Mapping[str, Any]], str] | None = None
    if_match: str = ""
    tag: Tag | None = None

    @property
    def variables(self) -> tuple[str, ...]:
        """The names in the path."""
        return tuple(re.findall(r"{(\w+)(?::path)?}", self.path))


I = TypeVar("I", bound=Ask)  # noqa: E741 - input
O = TypeVar("O")  # noqa: E741 - output

Handler = Callable[[Services, Caller, I], Awaitable[O]]
Brief = Callable[[Mapping[str, Any]], Mapping[str, Json]]
"""A whole answer as JSON → what of it a model needs to go on."""

Text = Callable[[Mapping[str, Any]], str]
"""A brief answer → the same in short Markdown."""

Stream = Callable[[Services, Caller, I], Awaitable[AsyncIterator[StreamItem]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool(Generic[I, O]):
    """One thing that can be asked of the hub, with everything that any face needs to offer it.

    `people_only` refuses everybody but a person whatever the scopes are; `instead` says what others do then. `secret`
    marks an output that holds a secret: it is never kept to answer a repeated call. `stream` gives the same data as it
    happens; it raises before it returns what can be known before.
    `repeatable` says of a change that a second call with the same input has no further effect. `outward` says that it
    talks to a target or to an address that the caller names, and not to the twin alone. `ends_with_caller` says that
    what it began is ended when the caller goes away before the answer.

    `toolset` offers the tool to AI clients; None keeps it to the HTTP API. They get the `brief` of an answer, and ask
    for the whole with `response_format: detailed`; `text` writes the brief as Markdown. `quotes` names what an answer
    holds that somebody else wrote (logs, labels, events, manifests), in the words of the label that it is given.
    """

    name: str
    title: str
    purpose: str
    effect: Effect
    scope: Scope
    input: type[I]
    output: type[O]
    handler: Handler[I, O]
    route: Route
    people_only: bool = False
    instead: str = ""
    secret: bool = False
    repeatable: bool = False
    outward: bool = False
    ends_with_caller: bool = False
    stream: Stream[I] | None = None
    toolset: Toolset | None = None
    brief: Brief | None = None
    text: Text | None = None
    quotes: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is not a tool name")
        if self.route.method not in _METHODS:
            raise ValueError(f"{self.name}: {self.route.method} is not used")
        if self.effect is not Effect.READ and self.route.method == "GET":
            raise ValueError(f"{self.name} changes something and must not be a GET")
        if bool(self.route.if_match) is (self.route.tag is None):
            raise ValueError(f"{self.name}: if_match needs a tag")
        unknown = {*self.route.variables, *filter(None, [self.route.if_match])} - set(self.input.model_fields)
        if unknown:
            raise ValueError(f"{self.name}: the input has no field {', '.join(sorted(unknown))}")

    @property
    def changes(self) -> bool:
        """Whether it changes anything, in the twin or on a target."""
        return self.effect is not Effect.READ

    @property
    def output_schema(self) -> TypeAdapter[O]:
        """The output's form."""
        return _adapter_of(cast("Hashable", self.output))

    def may(self, caller: Caller) -> bool:
        """Whether the caller's kind and scopes are enough."""
        if self.people_only and not caller.is_person:
            return False
        return self.scope in caller.scopes and (self.scope is not Scope.APPROVE or caller.is_person)

    def dump(self, value: O) -> Any:
        """The output as JSON."""
        return self.output_schema.dump_python(value, mode="json")


@cache
def _adapter_of(output: Hashable) -> TypeAdapter[Any]:
    """Built at the first answer of this form: a hub has many tools, and most are never called."""
    return TypeAdapter(cast("Any", output))


AnyTool = Tool[Any, Any]


class Registry:
    """All tools, in one fixed order. Two of one name or of one route are refused."""

    def __init__(self, tools: Iterable[AnyTool]) -> None:
        self._by_name: dict[str, AnyTool] = {}
        routes: set[tuple[str, str]] = set()
        for tool in tools:
            key = (tool.route.method, tool.route.path)
            if tool.name in self._by_name or key in routes:
                raise ValueError(f"{tool.name} is declared twice")
            routes.add(key)
            self._by_name[tool.name] = tool

    def __iter__(self) -> Iterator[AnyTool]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def get(self, name: str) -> AnyTool | None:
        """The tool of this name, or None."""
        return self._by_name.get(name)

    def __getitem__(self, name: str) -> AnyTool:
        return self._by_name[name]
