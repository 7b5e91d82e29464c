"""Hosts that somebody wrote as addresses in their own words. Pure.

An address is a URL, an IP, a DNS name, or a host with its port. `redis:7` and `registry.corp:5000/app` are images, and
what is quoted or pasted is what others wrote: neither names a host that a person wants asked.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import Final

from opstwin.catalog.endpoint import endpoint_of
from opstwin.errors import InvalidInput

_MOST_LINES: Final = 3
"""People ask in a line or two; more are taken for a text that was pasted."""

_PASTED: Final = re.compile(r"```.*?(?:```|\Z)|^[ \t]*>[^\n]*|[\"“][^\"”]*\s[^\"”]*[\"”]", re.DOTALL | re.MULTILINE)
_SPLIT: Final = re.compile(r"[\s\"'`<>(){}|;,“”‘’]+|[^\x00-\x7f]+")
_URL: Final = re.compile(r"https?://[^/?#\\]+", re.IGNORECASE)
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\.[a-z][a-z0-9-]*(?::\d{1,5})?", re.IGNORECASE)
_ONE_WORD: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?:(\d{2,5})", re.IGNORECASE)
_USUAL: Final = frozenset({80, 443})
_OWN: Final = 1024
"""From here on services choose their ports; a smaller number behind one word is a version: `postgres:16`."""


def written_hosts(said: Iterable[str]) -> frozenset[str]:
    """The hosts that these remarks write as addresses, each in the spelling of `Endpoint.host`."""
    return frozenset(endpoint_of(address).host for text in said for address in written_addresses(text))


def written_addresses(text: str) -> tuple[str, ...]:
    """The addresses in a remark, each once, up to the path."""
    return tuple(dict.fromkeys(_addresses(text)))


def _addresses(text: str) -> Iterator[str]:
    own = _PASTED.sub(" ", text)
    if sum(1 for line in own.splitlines() if line.strip()) > _MOST_LINES:
        return
    for word in _SPLIT.split(own):
        address = _address(word.rstrip(".:!?"))
        if address:
            try:
                endpoint_of(address)
            except InvalidInput:
                continue
            yield address


def _address(word: str) -> str:
    """What of a word is an address; empty where nothing is."""
    url = _URL.search(word)
    if url is not None:
        return url[0]
    is_address = _NAME.fullmatch(word) or _is_ip(word) or _is_host_with_port(word)
    return word if is_address else ""


def _is_host_with_port(word: str) -> bool:
    found = _ONE_WORD.fullmatch(word)
    return found is not None and (int(found[1]) in _USUAL or int(found[1]) >= _OWN)


def _is_ip(word: str) -> bool:
    bare = word[1:].partition("]")[0] if word.startswith("[") else word
    bare = bare.partition(":")[0] if bare.count(":") == 1 else bare
    try:
        return bool(ipaddress.ip_address(bare))
    except ValueError:
        return False
