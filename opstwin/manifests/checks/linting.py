"""`opstwin lint` without files and terminal: texts in, a report out."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from opstwin.errors import InvalidInput, LimitExceeded, OpstwinError
from opstwin.manifests.checks.checking import checked_sheets
from opstwin.manifests.checks.findings import Finding, Level, Report, shown
from opstwin.manifests.checks.policy import Policy
from opstwin.manifests.checks.rules import RULES
from opstwin.manifests.checks.sheets import Sheet, below
from opstwin.manifests.checks.typed_lists import members
from opstwin.manifests.checks.world import References
from opstwin.manifests.nodes import ListNode, MapNode, Node, Path, Place
from opstwin.manifests.yaml_text import Document, read_documents

_BREAK: Final = re.compile(r"^---(?=[ \t\r\n]|\Z)", re.MULTILINE)
_OLD_BOOLEANS: Final = frozenset({
    word for plain in ("yes", "no", "on", "off") for word in (plain, plain.title(), plain.upper())
})  # fmt: skip
_OLD_BOOLEAN: Final = re.compile(r"(?<![\w\"'])(?:yes|no|on|off)(?=[ \t]*(?:[\r\n,}\]#]|\Z))", re.IGNORECASE)
"""Where one may stand: looking at every value of ten thousand manifests would cost a tenth of the time."""

MOST_BYTES: Final = 64 * 1024 * 1024
"""Of all texts together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """One text and what it is called in findings."""

    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LintOptions:
    """How to check. `strict` lets warnings fail; `namespace` is where manifests go that name none."""

    version: str | None = None
    policy: Policy = field(default_factory=Policy)
    known: References | None = None
    namespace: str = "default"
    strict: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LintReport:
    """The report, and whether it passes: no errors, and with `strict` no warnings."""

    report: Report
    passed: bool

    @property
    def exit_code(self) -> int:
        """0 when it passed, else 1."""
        return 0 if self.passed else 1


def lint(texts: Sequence[Named], options: LintOptions | None = None) -> LintReport:
    """Check every manifest in the texts as one set.

    A document that cannot be read is a finding, and the others are checked all the same. Raises `LimitExceeded` when
    the texts are larger than 64 MiB together, and `InvalidInput` for a version that is none.
    """
    chosen = options or LintOptions()
    size = sum(len(item.text) for item in texts)
    if size > MOST_BYTES:
        raise LimitExceeded(
            f"The files are larger than {MOST_BYTES >> 20} MiB together.", next_step="Check fewer files at once.",
            details={"limit": MOST_BYTES, "unit": "bytes"},
        )  # fmt: skip
    unread: list[Finding] = []
    sheets = (sheet for item in texts for sheet in _sheets(item, chosen.namespace, unread))
    report = checked_sheets(
        sheets, version=chosen.version, policy=chosen.policy, known=chosen.known, before=unread
    )  # fmt: skip
    failing = {Level.ERROR, Level.WARNING} if chosen.strict else {Level.ERROR}
    return LintReport(report=report, passed=not any(report.count(level) for level in failing))


@dataclass(frozen=True, slots=True)
class Part:
    """One document of a text: `line` is the line that it begins on, counted from 0."""

    text: str
    line: int


def parts_of(text: str) -> Iterator[Part]:
    """The documents of a text, unread. A line of three dashes always ends a document, wherever it stands."""
    begin, line = 0, 0
    for match in _BREAK.finditer(text):
        if match.start() == begin:
            continue
        part = text[begin : match.start()]
        yield Part(part, line)
        line += part.count("\n")
        begin = match.start()
    yield Part(text[begin:], line)


def _sheets(item: Named, namespace: str, unread: list[Finding]) -> Iterator[Sheet]:
    failed = 0
    for part in parts_of(item.text.removeprefix("\ufeff")):
        try:
            documents = _read(part.text)
        except (InvalidInput, LimitExceeded) as error:
            unread.append(_unreadable(_of_template(error, part.text), item.name, part.line))
            failed += 1
            if failed >= _MOST_UNREAD:
                return
            continue
        for place, document in enumerate(documents):
            for path, member in members(document.value):
                locate = below(_locator(part, place), path)
                sheet = Sheet(member, source=item.name, locate=locate, default_namespace=namespace)
                if not path and _OLD_BOOLEAN.search(part.text):
                    _look_at_old_booleans(sheet, document.node, ())
                yield sheet


def _look_at_old_booleans(sheet: Sheet, node: Node, path: Path) -> None:
    """What readers of YAML 1.1, such as kubectl, take for a boolean, and YAML 1.2 for text."""
    if isinstance(node, MapNode):
        for key, item in node.items.items():
            _look_at_old_booleans(sheet, item, (*path, key))
    elif isinstance(node, ListNode):
        for number, item in enumerate(node.items):
            _look_at_old_booleans(sheet, item, (*path, number))
    elif node.plain and node.text in _OLD_BOOLEANS:
        sheet.add("text/old-boolean", path, value=node.text)


_MOST_UNREAD: Final = 100
"""Unreadable documents of one text that are told apart; a text with more is no list of manifests."""


@lru_cache(maxsize=1)
def _read(text: str) -> tuple[Document, ...]:
    """The manifests of one part. Kept for the next question only: places are looked up by reading again."""
    return read_documents(text)


def _locator(part: Part, index: int) -> Callable[[Path], Place | None]:
    def locate(path: Path) -> Place | None:
        place = _read(part.text)[index].place(path)
        return Place(place.line + part.line, place.column)

    return locate


def _of_template(error: InvalidInput | LimitExceeded, text: str) -> InvalidInput | LimitExceeded:
    """The error, with the next step for a template that nobody rendered."""
    if "{{" in text and isinstance(error, InvalidInput):
        return InvalidInput(
            error.message, field=error.field, details=error.details,
            next_step="It looks like a template: render it (helm template), and check what comes out.",
        )  # fmt: skip
    return error


def _unreadable(error: OpstwinError, source: str, line: int) -> Finding:
    id = "text/limit" if isinstance(error, LimitExceeded) else "text/unreadable"
    if "is there twice" in error.message:
        id = "text/duplicate-key"
    rule, at = RULES[id], error.details.get("line")
    texts = {"problem": _shifted(error.message, line), "step": shown(error.next_step)}
    column = error.details.get("column")
    return Finding(
        rule=id, level=rule.level, subject="?", path=(), source=source,
        message=rule.message.format_map(texts), message_ko=rule.message_ko.format_map(texts),
        fix=rule.fix.format_map(texts), fix_ko=rule.fix_ko.format_map(texts),
        line=(at if isinstance(at, int) else 1) + line, column=column if isinstance(column, int) else 1,
    )  # fmt: skip


def _shifted(message: str, line: int) -> str:
    """The reader's message with the lines of the whole text."""
    return shown(re.sub(r"\bline (\d{1,9})", lambda found: f"line {int(found[1]) + line}", message))
