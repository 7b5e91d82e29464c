"""Reading a request: bodies of bounded size and depth, JSON without its ambiguities, plain query strings."""

import asyncio
import json
import re
from collections.abc import Mapping
from itertools import islice
from typing import Final, NoReturn
from urllib.parse import parse_qsl

from starlette.requests import Request

from opstwin.domain.names import checked_text
from opstwin.domain.values import Json
from opstwin.errors import InvalidInput, LimitExceeded, RequestError
from opstwin.server.problems import Refused

MAX_DEPTH: Final = 64
"""Levels of nesting in a body: a manifest has about ten, a parser's stack some hundreds."""

MAX_FIELDS: Final = 100
"""Fields of a query string or form."""

BODY_WITHIN_S: Final = 30.0
"""How long a client may take to send a body."""

_STRINGS: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_ONE_KIND: Final = bytes.maketrans(b"{}", b"[]")
_OTHERS: Final = bytes(set(range(256)) - set(b"[]{}"))
_TOKENS: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{}]', re.DOTALL)
_OPEN: Final = ord("[")
_QUOTE: Final = ord('"')
_LOOK_AT: Final = 1000
_SHRINK: Final = 3
"""Innermost levels that are taken out at C's speed before the rest is counted one by one."""
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*+\\u0000")
_ESCAPED: Final = b"\\u"
_FIELD_LIMIT: Final = 4096


async def read_json(request: Request, limit: int) -> dict[str, Json]:
    """The body as a JSON object; no body counts as an empty one. Raises `InvalidInput` or `Refused` (408, 413, 415)."""
    body = await read_body(request, limit)
    if not body:
        return {}
    if media_type(request) != "application/json":
        raise Refused(
            415, RequestError("The body must be application/json.", next_step="Set Content-Type: application/json.")
        )
    parsed = parsed_json(body)
    if not isinstance(parsed, dict):
        raise InvalidInput("The body is not a JSON object.", field="body", next_step="Send an object: {…}.")
    return parsed


async def read_form(request: Request, limit: int) -> dict[str, str]:
    """The fields of an HTML form; raises like `read_json`."""
    if media_type(request) != "application/x-www-form-urlencoded":
        raise Refused(415, RequestError("The body must be a form.", next_step="Use the form on the page."))
    body = await read_body(request, limit)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidInput("The form is not UTF-8.", field="body", next_step="Use the form on the page.") from None
    return _pairs(text, keep_lines=True)


async def read_body(request: Request, limit: int) -> bytes:
    """At most `limit` bytes; more is refused before, or as soon as, it arrives."""
    declared = request.headers.get("content-length", "0")
    if not declared.isascii() or not declared.isdigit():
        raise Refused(400, RequestError("Content-Length is not a number.", next_step="Correct it."))
    if len(declared) > 18 or int(declared) > limit:
        _too_large(limit)
    received = bytearray()
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            async for piece in request.stream():
                received += piece
                if len(received) > limit:
                    _too_large(limit)
    except TimeoutError:
        raise Refused(408, LimitExceeded("The body took too long to arrive.", next_step="Send it again.")) from None
    return bytes(received)


def parsed_json(body: bytes) -> Json:
    """JSON (RFC 8259) without duplicate keys, NaN, infinite numbers, lone surrogates or NUL, and not too deep."""
    if _depth_over(body, MAX_DEPTH):
        raise InvalidInput(
            f"The body is nested deeper than {MAX_DEPTH} levels.", field="body", next_step="Send it flatter."
        )
    if _NUL.search(body):
        raise InvalidInput("The body holds a NUL character.", field="body", next_step="Remove \\u0000.")
    try:
        value: Json = json.loads(
            body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant, parse_float=_number
        )
        if _ESCAPED in body:  # only an escape can name half of a surrogate pair
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeError:
        raise InvalidInput("The body is not valid UTF-8 text.", field="body", next_step="Send UTF-8.") from None
    except json.JSONDecodeError as error:
        raise InvalidInput(
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.",
            field="body",
            next_step="Correct it.",
        ) from None
    except ValueError:
        raise InvalidInput("A number in the body is too long.", field="body", next_step="Use a number.") from None
    return value


def query_of(request: Request) -> dict[str, str]:
    """The query string; a field given twice is refused."""
    return _pairs(request.scope["query_string"].decode("latin-1"))


def media_type(request: Request) -> str:
    """The content type without its parameters."""
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


def _pairs(text: str, *, keep_lines: bool = False) -> dict[str, str]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError:
        raise InvalidInput(
            "The fields cannot be read.", field="query", next_step=f"Send at most {MAX_FIELDS} fields in UTF-8."
        ) from None
    found: dict[str, str] = {}
    for key, value in pairs:
        checked_text(key, "query", _FIELD_LIMIT)
        checked_text(" ".join(value.split()) if keep_lines else value, key[:80], _FIELD_LIMIT)
        if key in found:
            raise InvalidInput(f"{key[:80]} is given twice.", field=key[:80], next_step="Give it once.")
        found[key] = value
    return found


def _depth_over(body: bytes, levels: int) -> bool:
    """Whether brackets outside strings nest deeper than `levels`; linear in the size of the body.

    What is deep is deep at its beginning, mostly, so that is looked at first; then all of it, at C's speed.
    """
    if body.count(b"[") + body.count(b"{") <= levels:
        return False
    start = (token[0] for token in islice(_TOKENS.finditer(body), _LOOK_AT))
    if _deeper(b"".join(token for token in start if token[0] != _QUOTE).translate(_ONE_KIND), levels):
        return True
    brackets = _STRINGS.sub(b"", body).translate(_ONE_KIND, _OTHERS)
    for _ in range(_SHRINK):
        brackets = brackets.replace(b"[]", b"")
    return _deeper(brackets, levels - _SHRINK)


def _deeper(brackets: bytes, levels: int) -> bool:
    depth = 0
    for bracket in brackets:
        depth += 1 if bracket == _OPEN else -1
        if depth > levels:
            return True
    return False


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for key, value in pairs:
        if key in found:
            raise InvalidInput(
                f"The key {key[:80]!r} is there twice in one object.", field=key[:80], next_step="Keep one of the two."
            )
        found[key] = value
    return found


def _constant(text: str) -> NoReturn:
    raise InvalidInput(f"{text} is not JSON.", field="body", next_step="Use a number or null.")


def _number(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise InvalidInput("A number in the body is too large.", field="body", next_step="Use a smaller one.")
    return value


def _too_large(limit: int) -> NoReturn:
    raise Refused(
        413,
        LimitExceeded(
            f"The body is larger than {limit} bytes.",
            next_step="Send less at once, or raise max_body_bytes.",
            details={"limit_bytes": limit},
        ),
        {"Connection": "close"},
    )


def without_lines(fields: Mapping[str, str]) -> dict[str, str]:
    """Form fields on one line each."""
    return {key: " ".join(value.split()) for key, value in fields.items()}
