"""What a provider is to the gateway, and what both SDKs have in common: deadlines, and whose fault an error is."""

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar

import httpx2

from opstwin.agent.models.failures import Reason, failure, is_filtered, of_status, unwelcome
from opstwin.agent.models.places import Place
from opstwin.agent.models.port import ModelReply, ModelRequest, Stop
from opstwin.agent.models.reading import BrokenOff, mapping
from opstwin.errors import ModelError

T = TypeVar("T")


Pieces: TypeAlias = AsyncGenerator[str | ModelReply, None]


class Provider(Protocol):
    """One request to one provider: no retries, no breaker, no cache."""

    def answer(self, request: ModelRequest, *, streaming: bool) -> Pieces:
        """Pieces of text as they come (with `streaming`), and the whole reply last. Raises `ModelError`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outfit:
    """What a provider is built with. `cover` masks secrets in what the provider says, its own key among them."""

    place: Place
    key: str
    http: httpx2.AsyncClient
    connect_s: float
    read_s: float
    total_s: float
    cover: Callable[[str], str]

    @property
    def timeout(self) -> httpx2.Timeout:
        """For the HTTP client: each read, write and wait for a connection, and connecting."""
        return httpx2.Timeout(self.read_s, connect=self.connect_s)


class Filtered(Exception):
    """A filter of the provider refused what was asked: an answer, no error."""


class Translating:
    """Turns what an SDK raises into `ModelError`; both vendors name their classes alike."""

    def __init__(self, sdk: Any, outfit: Outfit, optional: tuple[str, ...]) -> None:
        self._sdk, self._outfit, self._optional = sdk, outfit, optional
        self.left_out: set[str] = set()
        """Optional fields that the provider said it does not take."""

    def trimmed(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The body without those fields."""
        return {name: value for name, value in body.items() if name not in self.left_out}

    @contextmanager
    def failures(self, body: Mapping[str, Any], opened: list[bool]) -> Iterator[None]:
        """Around a request. `opened` is filled once an answer began to come: what fails then is broken off."""
        name, sdk = self._outfit.place.name, self._sdk
        try:
            yield
        except sdk.APIStatusError as error:
            raise self._of_status(error, body) from error
        except (sdk.APITimeoutError, httpx2.TimeoutException, TimeoutError) as error:
            raise self._of_timeout(error) from error
        except (sdk.APIConnectionError, httpx2.TransportError, httpx2.StreamError) as error:
            raise failure(Reason.TRUNCATED if opened else Reason.DOWN, name) from error
        except BrokenOff as error:
            raise failure(Reason.TRUNCATED, name) from error
        except sdk.APIError as error:
            raise of_status(name, 200, error.body, {}, self._outfit.cover) from error
        except (ValueError, RecursionError) as error:
            # Half a line of a stream is no JSON either.
            raise failure(Reason.TRUNCATED if opened else Reason.BAD_OUTPUT, name) from error

    def _of_status(self, error: Any, body: Mapping[str, Any]) -> Exception:
        name, status, said = self._outfit.place.name, int(error.status_code), error.body
        if is_filtered(status, said):
            return Filtered()
        sent = {field: body[field] for field in self._optional if field in body}
        if field := unwelcome(status, said, sent):
            self.left_out.add(field)
            return failure(Reason.REFUSED, name, words=f"it does not take {field}", again=True)
        return of_status(name, status, said, error.response.headers, self._outfit.cover)

    def _of_timeout(self, error: BaseException) -> ModelError:
        connecting = isinstance(error.__cause__ or error, httpx2.ConnectTimeout | httpx2.PoolTimeout)
        return failure(Reason.DOWN if connecting else Reason.TIMEOUT, self._outfit.place.name)


class Assembler(Protocol):
    """Puts a streamed answer together."""

    def take(self, data: Mapping[str, Any], /) -> str:
        """One piece of the stream; the text that it adds. Raises `Malformed`."""
        ...

    def reply(self) -> ModelReply:
        """The whole. Raises `BrokenOff` when the stream ended before it."""
        ...


class SdkProvider(ABC):
    """A provider behind an SDK: what each wire and SDK does by itself is left to its class."""

    def __init__(self, sdk: Any, outfit: Outfit, optional: tuple[str, ...]) -> None:
        self._outfit, self._place = outfit, outfit.place
        self._translating = Translating(sdk, outfit, optional)

    async def answer(self, request: ModelRequest, *, streaming: bool) -> Pieces:
        """See `Provider`."""
        body = self._translating.trimmed(self._body(request, streaming=streaming))
        opened: list[bool] = []
        try:
            with self._translating.failures(body, opened):
                if not streaming:
                    yield await self._whole(body)
                    return
                async with aclosing(self._streamed(body, opened)) as pieces:
                    async for piece in pieces:
                        yield piece
        except Filtered:
            yield ModelReply(text="", stop=Stop.REFUSED)

    async def _whole(self, body: dict[str, Any]) -> ModelReply:
        async with asyncio.timeout(self._outfit.total_s):
            raw = await self._send_whole(body)
        return self._read(mapping(raw.http_response.json(), "the answer"))

    async def _streamed(self, body: dict[str, Any], opened: list[bool]) -> Pieces:
        by_s, assembler = asyncio.get_running_loop().time() + self._outfit.total_s, self._assembler()
        async with asyncio.timeout_at(by_s):
            stream = await self._send_streaming(body)
        async with stream:
            if _is_whole(stream.response):
                async with asyncio.timeout_at(by_s):
                    reply = self._read(mapping(json.loads(await stream.response.aread()), "the answer"))
                yield reply.text
                yield reply
                return
            opened.append(True)
            async for piece in _until(by_s, aiter(stream)):
                if added := assembler.take(_plain(piece)):
                    yield added
        yield assembler.reply()

    @abstractmethod
    def _body(self, request: ModelRequest, *, streaming: bool) -> dict[str, Any]:
        """What is sent."""

    @abstractmethod
    async def _send_whole(self, body: dict[str, Any]) -> Any:
        """The SDK's raw response."""

    @abstractmethod
    async def _send_streaming(self, body: dict[str, Any]) -> Any:
        """The SDK's stream, open."""

    @abstractmethod
    def _read(self, data: Mapping[str, Any]) -> ModelReply:
        """The reply in a whole answer. Raises `Malformed`."""

    @abstractmethod
    def _assembler(self) -> Assembler:
        """A new one, for one stream."""


def _is_whole(response: Any) -> bool:
    """Whether a server that was asked for a stream answers with the whole at once, as some do."""
    return str(response.headers.get("content-type", "")).startswith("application/json")


def _plain(piece: Any) -> Mapping[str, Any]:
    """A piece of a stream as an SDK gives it, as data. Raises `Malformed`."""
    return mapping(piece.to_dict(mode="json", warnings=False) if hasattr(piece, "to_dict") else piece, "event")


async def _until(by_s: float, pieces: AsyncIterator[T]) -> AsyncIterator[T]:
    """The pieces, as long as they come before `by_s` of the event loop's time; raises `TimeoutError`."""
    while True:
        try:
            async with asyncio.timeout_at(by_s):
                piece = await anext(pieces)
        except StopAsyncIteration:
            return
        yield piece
