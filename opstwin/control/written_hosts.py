"""Hosts that somebody wrote as addresses in their own words. Pure.

An address is a URL, an IP, a DNS name, or a host with its port. `redis:7` and `registry.corp:5000/app` are images,
`deploy.sh` is a file, `web.v2` a version, `e.g` a word, and what is quoted or pasted is what others wrote: none of them
names a host that a person wants asked.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import Final

from opstwin.catalog.endpoint import endpoint_of
from opstwin.errors import InvalidInput

_MOST_LINES: Final = 3
"""People ask in a line or two; more are taken for a text that was pasted."""

_APOSTROPHE: Final = r"(?<=[a-z0-9])['’](?=[a-z0-9])"
_CLOSING: Final = r"(?<=\S)['’](?![a-z0-9])"
_INSIDE: Final = rf"[^'‘’]|{_APOSTROPHE}"
_OF_MANY: Final = rf"(?<=s)['’](?=\s(?:{_INSIDE})*{_CLOSING})"
"""The pods' logs: it ends no quotation, for another mark behind it does."""

_SINGLE: Final = rf"(?:(?<![a-z0-9])'|‘)(?=\S)(?:{_INSIDE}|{_OF_MANY})*{_CLOSING}"
_PASTED: Final = re.compile(
    rf"```.*?(?:```|\Z)|^[ \t]*>[^\n]*|[\"“][^\"”]*[\"”]|{_SINGLE}", re.DOTALL | re.MULTILINE | re.IGNORECASE
)
_MARKS: Final = "\"“'‘"
_SPLIT: Final = re.compile(r"[\s\"'`<>(){}|;,“”‘’]+|[^\x00-\x7f]+")
_URL: Final = re.compile(r"https?://[^/?#\\]+", re.IGNORECASE)
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\.([a-z][a-z0-9-]*)(?::(\d{1,5}))?", re.IGNORECASE)
_NO_ZONE: Final = re.compile(r"[a-z]|(?:v|rc|alpha|beta)\d[a-z0-9-]*")
"""Last labels of what is no host: of `e.g`, and of a version."""

_ENDINGS: Final = (
    "avi avro bak bash bat bz2 cer cert cfg cjs conf config cpp crt csr css csv deb dll dockerfile doc docx env exe "
    "gif go gradle gz hcl hpp htm html ico img ini ipynb iso j2 jar java jpeg jpg js json jsonl jsx kt lock log lua "
    "md mdx mjs mod ndjson parquet patch pdf pem php pid plist png ppt pptx properties ps1 py rar rb rpm rs rst "
    "scss sh sock sql sqlite sum svg swp tar tf tfstate tfvars tgz tmp tmpl toml tpl ts tsv tsx ttf txt vue war "
    "wasm whl xls xlsx xml xz yaml yml zip zsh zst"
)
_FILES: Final = frozenset(_ENDINGS.split())
"""Usual endings of files. Some are countries' too, whose hosts are written with their scheme or port."""

_ONE_WORD: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?:(\d{2,5})", re.IGNORECASE)
_USUAL: Final = frozenset({80, 443})
_OWN: Final = 1024
"""From here on services choose their ports; a smaller number is a version or a line: `postgres:16`, `main.py:16`."""


def written_hosts(said: Iterable[str]) -> frozenset[str]:
    """The hosts that these remarks write as addresses, each in the spelling of `Endpoint.host`."""
    return frozenset(endpoint_of(address).host for text in said for address in written_addresses(text))


def written_addresses(text: str) -> tuple[str, ...]:
    """The addresses in a remark, each once, up to the path."""
    return tuple(dict.fromkeys(_addresses(text)))


def _addresses(text: str) -> Iterator[str]:
    own = _PASTED.sub(_left_of, text)
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


def _left_of(pasted: re.Match[str]) -> str:
    """Nothing, but a name in quotation marks: only what has several words is a quotation."""
    is_name = pasted[0].startswith(tuple(_MARKS)) and not re.search(r"\s", pasted[0])
    return pasted[0] if is_name else " "


def _address(word: str) -> str:
    """What of a word is an address; empty where nothing is."""
    url = _URL.search(word)
    if url is not None:
        return url[0]
    return word if _is_name(word) or _is_ip(word) or _is_host_with_port(word) else ""


def _is_name(word: str) -> bool:
    found = _NAME.fullmatch(word)
    if found is None:
        return False
    last = found[1].lower()
    is_other = last in _FILES or _NO_ZONE.fullmatch(last) is not None
    return not is_other or (found[2] is not None and _is_port(found[2]))


def _is_host_with_port(word: str) -> bool:
    found = _ONE_WORD.fullmatch(word)
    return found is not None and _is_port(found[1])


def _is_port(number: str) -> bool:
    return int(number) in _USUAL or int(number) >= _OWN


def _is_ip(word: str) -> bool:
    bare = word[1:].partition("]")[0] if word.startswith("[") else word
    bare = bare.partition(":")[0] if bare.count(":") == 1 else bare
    try:
        return bool(ipaddress.ip_address(bare))
    except ValueError:
        return False
