"""Text that others wrote: shown so that nothing in it hides or moves, and read so that a disguise does not help. Pure.

Nothing is dropped: what cannot be seen gets a mark such as `␛` or `⟦U+202E⟧` in its place. Marking twice is the same as
marking once.
"""

import base64
import binascii
import html
import re
import unicodedata
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

_HIDING: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories of control, invisible, private and line-breaking characters."""

EMPTY: Final = frozenset(
    map(ord, "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u180f\u2800\u3164\uffa0")
) | frozenset((*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
"""Letters and marks that show nothing: fillers, the empty Braille cell, variation selectors (Unicode 16,
Default_Ignorable_Code_Point, and U+2800)."""

_BREAKS: Final = "\n\r\t\v\f\x85\u2028\u2029"
_SPACES: Final = frozenset({0x20, 0xA0, 0x3000})
"""Spaces that look like one and mean no more: the plain one, the one that does not break, and that of CJK text."""

_TAGS: Final = range(0xE0020, 0xE007F)
"""Tag characters: an invisible copy of ASCII that some models read."""

_LOOKALIKES: Final = str.maketrans(
    "аеорсухѕіјԁԛԝһӏκαονιρυօոսհАВЕКМНОРСТУХЅІЈΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "aeopcyxsijdqwhlkaovipuonuhABEKMHOPCTYXSIJABEZHIKMNOPTYX",
)
"""Cyrillic, Greek and Armenian letters that look like Latin ones (from Unicode's confusables.txt)."""

_ALIKE: Final[dict[int, int | str]] = {**_LOOKALIKES, ord("ı"): "i", ord("ɡ"): "g"}
"""The same, with two Latin letters that are as good as plain ones but stand in honest words too."""

_WORD: Final = re.compile(r"[^\W\d_]+")
_LOOKALIKE: Final = re.compile("[" + "".join(map(chr, _LOOKALIKES)) + "]")
_CODED: Final = re.compile(r"(.)⟦U\+([0-9A-F]{4,6})⟧")
_OTHER: Final = ("CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE")
_STYLED: Final = re.compile(r"[\u2460-\u24ff\uff01-\uff5e\U0001d400-\U0001d7ff\U0001f130-\U0001f189]")
"""Circled, full-width and mathematical letters: they read as plain ones and compare as others."""

_PICTURE: Final = re.compile(r"(?<=[\u2190-\u2bff\U0001f000-\U0001faff])⟦U\+FE0F⟧")
_JOINED: Final = re.compile(
    r"(?<=[\u2190-\u2bff\ufe0f\U0001f000-\U0001faff])⟦U\+200D⟧(?=[\u2190-\u2bff\U0001f000-\U0001faff])"
)
_LIVE: Final = re.compile(r"!(?=\[)|\](?=\(|\[|:\s*\S)|<(?=[/!?A-Za-z])", re.ASCII)
"""Where Markdown begins an image, a link, a definition, or HTML."""

INERT: Final = "⟦md⟧"
"""Stands where Markdown would become an image or a link."""

MAX_DECODED: Final = 64 * 1024
"""Characters of one reading that are looked into for another."""

_SPACED: Final = re.compile(r"(?<!\S)\S(?:[ \t]\S(?!\S)){3,}")
_PULLED: Final = re.compile(r"(?<=\w)\s+([./:@=])\s*(?=\w)")
_INNER_QUOTE: Final = re.compile(r"(?<=\w)[\"'`\\]+(?=\w)|[\"'`]{2,}")
_TERMINAL: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([nrt\"'/\\]))")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_HEX: Final = re.compile(r"\b(?:[0-9a-fA-F]{2}){8,}\b")
_PLAIN_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t"}


class _Marks(dict[int, str]):
    """What each character is shown as, worked out once."""

    def __missing__(self, code: int) -> str:
        shown = _shown(code)
        self[code] = shown
        return shown


class _Seen(dict[int, str]):
    """Each character as it is compared, with `instead` for what nobody sees."""

    def __init__(self, instead: str) -> None:
        super().__init__()
        self._instead = instead

    def __missing__(self, code: int) -> str:
        category = unicodedata.category(chr(code))
        hidden = code in EMPTY or category in _HIDING or category == "Mn"
        found = self._instead if hidden and chr(code) not in _BREAKS else chr(code)
        self[code] = found
        return found


_MARKS: Final = _Marks()
_SEEN: Final = _Seen("")
_PARTED: Final = _Seen(" ")


def visible(text: str, *, one_line: bool = False) -> str:
    """`text` with a mark for every character that hides, moves or recolours text or poses as another letter.

    Line breaks and tabs stay, unless it shall be `one_line`.
    """
    if text.isascii() and text.isprintable():
        return text
    shown = text.translate(_MARKS)
    if not shown.isascii():
        shown = lettered(_JOINED.sub("\u200d", _PICTURE.sub("\ufe0f", shown)))
    return shown.replace("\n", "␊").replace("\t", "␉") if one_line else shown


def lettered(text: str) -> str:
    """`text` with a mark behind each letter that is styled, or poses as one of another alphabet."""
    return text if text.isascii() else _STYLED.sub(_with_code, _posing(_CODED.sub(_uncoded, text)))


def inert(text: str) -> str:
    """`text` in which Markdown and HTML begin no image, no link and no tag; nothing else changes."""
    return _LIVE.sub(_stopped, text)


def compared(text: str) -> str:
    """`text` as it is compared: without case, styled or look-alike letters, and what nobody sees."""
    if text.isascii():
        return text.translate(_SEEN).casefold()
    bare = unicodedata.normalize("NFKD", text).translate(_SEEN).translate(_ALIKE)
    # Folding may bring back what was taken apart (İ becomes i and a dot), and look-alikes in lower case.
    folded = unicodedata.normalize("NFKD", bare.casefold()).translate(_SEEN).translate(_ALIKE)
    return unicodedata.normalize("NFC", folded)


def readings(text: str) -> Iterator[str]:
    """`text` as it may be read: as it stands, and with escapes, encodings and spacing undone, each as `compared`."""
    seen: set[str] = set()
    for found in _read(text):
        plain = compared(found)
        if plain and plain not in seen:
            seen.add(plain)
            yield plain


def _read(text: str) -> Iterator[str]:
    yield text
    for found in _unescaped(text):
        yield found
        yield from _respaced(found)
    yield from _respaced(text)
    yield from _decoded(text[:MAX_DECODED])


def _unescaped(text: str) -> Iterator[str]:
    if not text.isprintable():
        yield text.translate(_PARTED)
    if not text.isascii() and any(ord(char) in _TAGS for char in text):
        yield "".join(chr(ord(char) - 0xE0000) if ord(char) in _TAGS else char for char in text)
    if "\x1b" in text:
        yield _TERMINAL.sub("", text)
    if "\\" in text:
        yield _ESCAPE.sub(_unescape, text)
    if "%" in text:
        yield unquote(text)
    if "&" in text:
        yield html.unescape(text)


def _respaced(text: str) -> Iterator[str]:
    """Without quotes inside words, and with words put together that were pulled apart."""
    plain = compared(text)
    whole = _INNER_QUOTE.sub("", plain)
    whole = _SPACED.sub(lambda found: re.sub(r"\s", "", found[0]), whole)
    whole = _PULLED.sub(r"\1", whole)
    if whole != plain:
        yield whole


def _decoded(text: str) -> Iterator[str]:
    for run in _BASE64.findall(text):
        yield from _as_text(_from_base64(run))
    for run in _HEX.findall(text):
        yield from _as_text(bytes.fromhex(run))


def _from_base64(run: str) -> bytes:
    bare = run.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(bare[: len(bare) - (len(bare) % 4 == 1)] + "==", validate=False)
    except binascii.Error:
        return b""


def _as_text(data: bytes) -> Iterator[str]:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return
    if text and sum(char.isprintable() or char.isspace() for char in text) == len(text):
        yield text


def _unescape(found: re.Match[str]) -> str:
    code = found[1] or found[2]
    if code:
        return chr(int(code, 16))
    return _PLAIN_ESCAPES.get(found[3], found[3])


def _shown(code: int) -> str:
    char = chr(code)
    if char in "\n\t":
        return char
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    category = unicodedata.category(char)
    if code in EMPTY or category in _HIDING or (category == "Zs" and code not in _SPACES):
        return f"⟦U+{code:04X}⟧"
    return char


def _posing(text: str) -> str:
    """`text` with a mark behind each letter of another alphabet that poses as a Latin one."""
    scripts = {unicodedata.name(char, "").split(" ", 1)[0] for char in set(text) if char.isalpha() and char > "\x7f"}
    if scripts.isdisjoint(_OTHER) and not _LOOKALIKE.search(text):
        return text
    foreign = any(_is_foreign(char) for char in set(text))
    return _WORD.sub(
        lambda found: _LOOKALIKE.sub(_with_code, found[0]) if _poses(found[0], foreign) else found[0], text
    )


def _poses(word: str, foreign: bool) -> bool:
    """Whether it mixes alphabets, or is all look-alikes in a text that has no other letter of their alphabet."""
    latin = any("a" <= char.lower() <= "z" for char in word)
    alike = sum(ord(char) in _LOOKALIKES for char in word)
    return alike > 0 and (latin or (alike == len(word) and not foreign))


def _is_foreign(char: str) -> bool:
    if not char.isalpha() or char <= "\x7f" or ord(char) in _LOOKALIKES:
        return False
    return unicodedata.name(char, "").startswith(_OTHER)


def _with_code(found: re.Match[str]) -> str:
    return f"{found[0]}⟦U+{ord(found[0]):04X}⟧"


def _uncoded(found: re.Match[str]) -> str:
    """A letter without the mark that it was given before."""
    return found[1] if ord(found[1]) == int(found[2], 16) else found[0]


def _stopped(found: re.Match[str]) -> str:
    return f"{found[0]}{INERT}"
