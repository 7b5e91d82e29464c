"""Every rule by its id: how grave a breach is, and what is said about it, in English and Korean. Plain data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from opstwin.manifests.checks.findings import Level
from opstwin.manifests.checks.rule_texts import POD_SECURITY, REFERENCES, SCHEMA, VALUES

_LEVELS: Final = {"E": Level.ERROR, "W": Level.WARNING, "I": Level.INFO}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. The texts have places such as `{value}` for what was found."""

    id: str
    level: Level
    message: str
    message_ko: str
    fix: str
    fix_ko: str


def _rules(*tables: Mapping[str, tuple[str, str, str, str, str]]) -> dict[str, Rule]:
    return {
        id: Rule(
            id=id, level=_LEVELS[row[0]], message=row[1], fix=row[2], message_ko=row[3], fix_ko=row[4],
        )
        for table in tables
        for id, row in table.items()
    }  # fmt: skip


RULES: Final[Mapping[str, Rule]] = _rules(SCHEMA, VALUES, REFERENCES, POD_SECURITY)
"""All built-in rules. Rules of a user's policy have the id `policy/NAME`."""
