"""The parts of the pages that are made from the code: `python -m tests.docs.generating` writes them anew.

A made part stands between `<!-- made: NAME -->` and `<!-- end -->`; everything around it is written by hand.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from tests.docs import made_reference, made_verbs
from tests.docs.pages import DOCS

_PART: Final = re.compile(r"(<!-- made: (?P<name>[a-z-]+) -->\n)(?P<text>.*?)(<!-- end -->)", re.DOTALL)

PARTS: Final[Mapping[str, Callable[[], str]]] = {
    "verbs": made_verbs.verbs_reference,
    "exit-codes": made_verbs.exit_codes,
    "settings": made_reference.settings,
    "errors": made_reference.error_classes,
    "policies": made_reference.policies,
    "compose-keys": made_reference.compose_keys,
    "compose-refused": made_reference.compose_refused,
    "metrics": made_reference.metrics,
}


def names_in(text: str) -> list[str]:
    """The made parts of a page."""
    return [match["name"] for match in _PART.finditer(text)]


def made_anew(text: str) -> str:
    """A page with its made parts as the code has them now."""
    return _PART.sub(lambda match: f"{match[1]}\n{PARTS[match['name']]().strip()}\n\n{match[4]}", text)


def write() -> list[str]:
    """Write every page whose made parts differ; returns their names."""
    changed: list[str] = []
    for file in sorted(DOCS.rglob("*.md")):
        text = file.read_text(encoding="utf-8")
        fresh = made_anew(text)
        if fresh != text:
            file.write_text(fresh, encoding="utf-8")
            changed.append(file.name)
    return changed


if __name__ == "__main__":
    print("\n".join(write()) or "Nothing to write.")
