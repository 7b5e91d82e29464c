"""What a user allows: the level of Pod Security, levels of rules, and rules of their own in CEL."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from opstwin.domain.values import Json
from opstwin.errors import InvalidInput
from opstwin.manifests.checks.expressions import Expression
from opstwin.manifests.checks.findings import Level
from opstwin.manifests.checks.grammar import label_name
from opstwin.manifests.checks.rules import RULES, Rule
from opstwin.manifests.checks.sheets import Sheet, listed, mapping, text
from opstwin.manifests.yaml_text import read_documents

_MOST_RULES: Final = 200
_FIELDS: Final = frozenset({"podSecurity", "levels", "ignore", "rules"})
_RULE_FIELDS: Final = frozenset({"name", "match", "expression", "message", "messageKo", "fix", "fixKo", "level"})
_MATCH_FIELDS: Final = frozenset({"kinds", "namespaces", "apiVersions"})


class Standard(StrEnum):
    """A level of the Pod Security Standards."""

    PRIVILEGED = "privileged"
    BASELINE = "baseline"
    RESTRICTED = "restricted"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRule:
    """One rule of the user: what it is about, and what must be true of it. An empty part of `match` fits all."""

    rule: Rule
    expression: Expression
    kinds: frozenset[str] = frozenset()
    namespaces: frozenset[str] = frozenset()
    versions: frozenset[str] = frozenset()

    def concerns(self, sheet: Sheet) -> bool:
        """Whether the rule is about this manifest."""
        pairs = ((self.kinds, sheet.kind), (self.namespaces, sheet.namespace), (self.versions, sheet.api))
        return all(not wanted or found in wanted for wanted, found in pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is checked beyond validity. Breaches of `enforced` are errors; `ignored` are ids of rules."""

    enforced: Standard = Standard.PRIVILEGED
    levels: Mapping[str, Level] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()
    rules: tuple[OwnRule, ...] = ()


def policy_from(content: str) -> Policy:
    """The policy that a YAML text describes (docs/lint.md).

    Raises `InvalidInput` naming the rule and the field, also for an expression that is not CEL.
    """
    documents = read_documents(content)
    if len(documents) != 1:
        raise _wrong("policy", f"A policy is one document, not {len(documents)}.", "Begin with rules:.")
    value = documents[0].value
    _only(value, _FIELDS, "policy")
    ignored = frozenset(_texts(value.get("ignore"), "ignore"))
    for id in ignored | mapping(value, "levels").keys():
        _known_rule(id)
    rules = listed(value.get("rules"))
    if len(rules) > _MOST_RULES:
        raise _wrong("rules", f"There are more than {_MOST_RULES} rules.", "Split the policy.")
    own = tuple(_own_rule(item, f"rules[{place}]") for place, item in enumerate(rules))
    if len({item.rule.id for item in own}) != len(own):
        raise _wrong("rules", "Two rules have the same name.", "Give each its own name.")
    levels = {id: _level(item, f"levels.{id}") for id, item in mapping(value, "levels").items()}
    return Policy(enforced=_standard(value.get("podSecurity")), levels=levels, ignored=ignored, rules=own)


def narrowed(policy: Policy, *, standard: str | None = None, ignored: Iterable[str] = ()) -> Policy:
    """The policy with another Pod Security standard enforced, and more rules ignored. Raises `InvalidInput`."""
    more = frozenset(ignored)
    for id in more:
        _known_rule(id)
    enforced = policy.enforced if standard is None else _standard(standard)
    return replace(policy, enforced=enforced, ignored=policy.ignored | more)


def _own_rule(value: Json, field_: str) -> OwnRule:
    if not isinstance(value, dict):
        raise _wrong(field_, "A rule must be a mapping.", "Give it a name and an expression.")
    _only(value, _RULE_FIELDS, field_)
    name = text(value.get("name"))
    if not name or label_name(name):
        raise _wrong(f"{field_}.name", "A rule needs a name of lower-case letters, digits and -.", "Name it.")
    match = value.get("match") or {}
    if not isinstance(match, dict):
        raise _wrong(f"{field_}.match", "match must be a mapping.", "Use kinds, namespaces or apiVersions.")
    _only(match, _MATCH_FIELDS, f"{field_}.match")
    message = text(value.get("message")) or f"The rule {name} is not kept."
    fix = text(value.get("fix")) or "Change the manifest, or ask for a change of the policy."
    rule = Rule(
        id=f"policy/{name}", level=_level(value.get("level", "error"), f"{field_}.level"), message=message,
        message_ko=text(value.get("messageKo")) or message, fix=fix, fix_ko=text(value.get("fixKo")) or fix,
    )  # fmt: skip
    groups = {word: frozenset(_texts(match.get(word), f"{field_}.match.{word}")) for word in _MATCH_FIELDS}
    return OwnRule(
        rule=rule, expression=Expression(text(value.get("expression")), name=name, field=f"{field_}.expression"),
        kinds=groups["kinds"], namespaces=groups["namespaces"], versions=groups["apiVersions"],
    )  # fmt: skip


def _only(value: Mapping[str, Json], allowed: frozenset[str], field_: str) -> None:
    for key in value:
        if key not in allowed:
            raise _wrong(f"{field_}.{key[:80]}", "There is no such field.", f"Use: {', '.join(sorted(allowed))}.")


def _texts(value: Any, field_: str) -> list[str]:
    if value is not None and not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
        raise _wrong(field_, "This must be a list of words.", "Write it like [Deployment, Service].")
    return value or []


def _level(value: Json, field_: str) -> Level:
    if value not in list(Level):
        raise _wrong(field_, "There is no such level.", f"Use one of: {', '.join(Level)}.")
    return Level(str(value))


def _standard(value: Json) -> Standard:
    if value is not None and value not in list(Standard):
        raise _wrong("podSecurity", "There is no such standard.", f"Use one of: {', '.join(Standard)}.")
    return Standard(str(value)) if value is not None else Standard.PRIVILEGED


def _known_rule(id: str) -> None:
    if id not in RULES and not id.startswith("policy/"):
        raise _wrong(f"ignore.{id[:80]}", f"There is no rule {id[:80]!r}.", "docs/lint.md lists the rules.")


def _wrong(field_: str, message: str, step: str) -> InvalidInput:
    return InvalidInput(message, field=field_, next_step=step)
