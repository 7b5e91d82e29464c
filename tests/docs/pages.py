"""The pages as tests see them: which there are, their code blocks, links and made sections."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"

_FENCE: Final = re.compile(r"^```(?P<language>[a-z]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
_CODE: Final = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True, slots=True)
class Page:
    """One Markdown file; `name` is its path from the root of the repository."""

    name: str
    text: str

    def blocks(self, *languages: str) -> list[str]:
        """The fenced blocks in one of these languages ("" for none said), all of them when none is named."""
        found = _FENCE.finditer(self.text)
        return [match["text"] for match in found if not languages or match["language"] in languages]

    def prose(self) -> str:
        """The text without its fenced blocks."""
        return _FENCE.sub("", self.text)

    def code(self) -> list[str]:
        """What stands between backticks in the prose."""
        return _CODE.findall(self.prose())

    def links(self) -> list[str]:
        """Where its links lead."""
        return [first or second for first, second in _LINK.findall(self.prose())]

    def section(self, heading: str) -> str:
        """The prose below a heading, up to the next one of the same or a higher level."""
        found = re.search(rf"^(#+) {re.escape(heading)}$", self.prose(), re.MULTILINE)
        assert found, f"{self.name} has no section {heading!r}"
        rest = self.prose()[found.end() :]
        end = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
        return rest[: end.start()] if end else rest

    def table(self, heading: str) -> list[list[str]]:
        """The rows of the first table below a heading, without its head."""
        found = re.search(r"(?:^\|.*\n)+", self.section(heading) + "\n", re.MULTILINE)
        assert found, f"{self.name} has no table below {heading!r}"
        return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in found[0].splitlines()[2:]]


def page(name: str) -> Page:
    """One page by its path from the root of the repository."""
    return Page(name, (ROOT / name).read_text(encoding="utf-8"))


def all_pages() -> list[Page]:
    """Every page that users read."""
    files = [*sorted(DOCS.rglob("*.md")), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"))]
    return [page(str(file.relative_to(ROOT))) for file in files]


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def commands(text: str) -> Iterator[str]:
    """The command lines of a block: without prompts and comments, continued lines joined."""
    for line in text.replace("\\\n", " ").splitlines():
        bare = re.sub(r"\s+#\s.*$", "", line.strip().removeprefix("$ "))
        if bare and not bare.startswith("#"):
            yield bare
