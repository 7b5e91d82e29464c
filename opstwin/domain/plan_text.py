"""A plan as text: one set of lines for every surface, made from the structured diff alone.

What a requester or a model wrote (the request, the notes) is not in it, so no words can make a delete look like
something else. Values are quoted and every character that could move, hide or recolour text is escaped.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC
from typing import Final

from opstwin.domain.diff import FieldChange, FieldOp
from opstwin.domain.draft_text import draft_lines
from opstwin.domain.plan import SYMBOLS, Change, Op, Plan, Risk, Summary, setters, summary
from opstwin.domain.plan_fields import told_fields
from opstwin.domain.reasons import told
from opstwin.domain.text import EMPTY
from opstwin.domain.values import Json
from opstwin.logs import looks_secret, redacted

KNOWN_AFTER_APPLY: Final = "(known after apply)"
_HIDING: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories of control, invisible, private and line-breaking characters."""

_FIELD_SYMBOLS: Final = {FieldOp.ADD: "+", FieldOp.CHANGE: "~", FieldOp.REMOVE: "-"}
_NOTHING: Final[tuple[Json, ...]] = (None, [], {}, "")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./-]+", re.ASCII)
_MASKED: Final = re.compile(r"•{3}|\*{3}")

_OPS: Final[Mapping[str, Mapping[Op, str]]] = {
    "en": {
        Op.CREATE: "will be created",
        Op.UPDATE: "will be updated in place",
        Op.REPLACE: "must be replaced",
        Op.DELETE: "will be deleted",
        Op.RESTART: "will be restarted",
        Op.EXEC: "runs a command, once",
    },
    "ko": {
        Op.CREATE: "생성됩니다",
        Op.UPDATE: "그 자리에서 변경됩니다",
        Op.REPLACE: "교체되어야 합니다",
        Op.DELETE: "삭제됩니다",
        Op.RESTART: "재시작됩니다",
        Op.EXEC: "안에서 명령을 한 번 실행합니다",
    },
}
_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "plan": "Plan {id} on {target}",
        "nothing": "No changes. What is desired on {target} is there.",
        "risk": "Risk: {risk}",
        "digest": "Digest: {digest}",
        "after": KNOWN_AFTER_APPLY,
        "secret": "(secret from {reference})",
        "hidden": "(sensitive value)",
        "masked": "(secret)",
        "down": "workload {name} is taken down",
        "kept": "workload {name} is recorded as asked",
        "tainted": "This request repeats text that others wrote. Make sure that it is what you want.",
        "read": "{text} was read in {source} at {at} UTC",
        "set": "What should be was set directly, without a plan, by {names}.",
        "limits": "ended after {seconds:g} s at the latest; never run a second time, never undone",
    },
    "ko": {
        "plan": "{target}의 계획 {id}",
        "nothing": "변경 사항이 없습니다. {target}은(는) 원하는 상태 그대로입니다.",
        "risk": "위험도: {risk}",
        "digest": "다이제스트: {digest}",
        "after": "(적용 후 알 수 있음)",
        "secret": "(비밀 값, 출처 {reference})",
        "hidden": "(민감한 값)",
        "masked": "(비밀 값)",
        "down": "워크로드 {name}이(가) 내려집니다",
        "kept": "워크로드 {name}이(가) 요청대로 기록됩니다",
        "tainted": "이 요청에는 다른 곳에서 온 텍스트가 그대로 들어 있습니다. 정말 원하는 변경인지 확인하세요.",
        "read": "{text}: {source}에서 읽음 ({at} UTC)",
        "set": "계획 없이 직접 설정된 상태입니다. 설정한 사람: {names}",
        "limits": "늦어도 {seconds:g}초 뒤에 종료됩니다. 두 번 실행하지 않으며 되돌리지 않습니다",
    },
}
_RISKS_KO: Final[Mapping[Risk, str]] = {
    Risk.NONE: "없음", Risk.LOW: "낮음", Risk.HIGH: "높음", Risk.DESTRUCTIVE: "파괴적",
}  # fmt: skip


def plan_lines(plan: Plan, language: str = "en") -> list[str]:
    """The plan as lines like Terraform's; `language` is `en` or `ko` and changes the fixed words only."""
    language = "ko" if language == "ko" else "en"
    words = _WORDS[language]
    lines = [words["plan"].format(id=safe(plan.id), target=safe(plan.target)), ""]
    for change in plan.changes:
        lines += [*_change_lines(change, language), ""]
    if not plan.changes:
        lines += [words["nothing"].format(target=safe(plan.target)), *_record_lines(plan, words), ""]
    lines += [*_setter_lines(plan, words), *taint_lines(plan, language), *draft_lines(plan.drafts, language)]
    lines += [summary_line(summary(plan.changes), language), words["risk"].format(risk=risk_word(plan.risk, language))]
    return [*lines, words["digest"].format(digest=safe(plan.digest))]


def _setter_lines(plan: Plan, words: Mapping[str, str]) -> list[str]:
    """Everybody who set directly what the plan brings about, beside who asked for the plan."""
    names = [safe(name) for name in setters(plan)]
    return ["  " + words["set"].format(names=", ".join(names)), ""] if names else []


def taint_lines(plan: Plan, language: str = "en") -> list[str]:
    """What of the request was read in texts of others, and where; nothing for a plan that is not tainted."""
    if not plan.tainted:
        return []
    words = _WORDS["ko" if language == "ko" else "en"]
    lines = [f"  ! {words['tainted']}"]
    for match in plan.taint.matches if plan.taint else ():
        read_at = f"{match.at.astimezone(UTC):%Y-%m-%d %H:%M}"
        said = words["read"].format(text=shown(redacted(match.text)), source=safe(match.source), at=read_at)
        lines.append(f"  !   {said}")
    return [*lines, ""]


def field_lines(fields: Iterable[FieldChange], language: str = "en") -> tuple[str, ...]:
    """Each field as in a plan, such as `~ image = "app:1" -> "app:2"`, with secrets masked."""
    words = _WORDS["ko" if language == "ko" else "en"]
    return tuple(_field_line(item, words) for item in fields)


def summary_line(counts: Summary, language: str = "en") -> str:
    """`Plan: 2 to add, 0 to change, 0 to remove.`, or the same in Korean."""
    if language != "ko":
        return str(counts)
    removed, added = counts.remove + counts.replace, counts.add + counts.replace
    restarted = f", 재시작 {counts.restart}" if counts.restart else ""
    run = f", 명령 {counts.run}" if counts.run else ""
    return f"계획: 추가 {added}, 변경 {counts.change}, 제거 {removed}{restarted}{run}."


def risk_word(risk: Risk, language: str = "en") -> str:
    """A risk as people call it, such as `high` or `높음`."""
    return _RISKS_KO[risk] if language == "ko" else risk.value


def safe(text: str) -> str:
    """`text` with every control, bidirectional or invisible character written as its code."""
    return "".join(_escaped(char) for char in text)


def shown(value: Json) -> str:
    """A value as JSON on one line, safe to print."""
    return safe(json.dumps(value, ensure_ascii=False, sort_keys=True))


def field_line(item: FieldChange) -> str:
    """One field that differs, as plans write it; secret values are hidden."""
    return _field_line(item, _WORDS["en"])


def _change_lines(change: Change, language: str) -> Iterator[str]:
    words = _WORDS[language]
    yield f"{SYMBOLS[change.op]:>3} {_name(change.kind)} {_name(change.name)} {_OPS[language][change.op]}"
    for item in told_fields(change):
        if not (change.op in (Op.CREATE, Op.DELETE) and _empty(item)):
            yield f"      {_field_line(item, words)}"
    if change.command is not None:
        yield f"      argv = {shown(list(change.command.argv))}"
        yield f"      # {words['limits'].format(seconds=change.command.timeout_s)}"
    if change.kind == "container" and change.op in (Op.CREATE, Op.REPLACE):
        yield f"      {'+' if change.op is Op.CREATE else '~'} id = {words['after']}"
    for reason in change.reasons:
        yield f"      # {safe(told(reason, language))}"


def _record_lines(plan: Plan, words: Mapping[str, str]) -> Iterator[str]:
    for item in plan.workloads:
        yield f"  ~ {words['kept' if item.workload else 'down'].format(name=safe(item.name))}"


def _field_line(item: FieldChange, words: Mapping[str, str]) -> str:
    name = ".".join(map(_name, item.path))
    before, after = (_value(item.path, value, words) for value in (item.before, item.after))
    symbol = _FIELD_SYMBOLS[item.op]
    if item.op is FieldOp.CHANGE:
        return f"{symbol} {name} = {before} -> {after}"
    return f"{symbol} {name} = {after if item.op is FieldOp.ADD else before}"


def _value(path: tuple[str, ...], value: Json, words: Mapping[str, str]) -> str:
    if isinstance(value, dict):
        parts = [f"{shown(key)}: {_value((*path, key), value[key], words)}" for key in sorted(value)]
        return "{" + ", ".join(parts) + "}"
    if isinstance(value, str) and (path[0] == "secret_env" or path[-1] == "secretRef"):
        return words["secret"].format(reference=safe(value))
    if isinstance(value, str) and _MASKED.fullmatch(value):
        return words["hidden"]
    if isinstance(value, str) and (name := _variable(path)):
        return words["masked"] if value and looks_secret(name) else shown(redacted(value))
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return "[" + ", ".join(_value((*path, _element(item)), item, words) for item in value) + "]"
    return shown(value)


def _element(item: Json) -> str:
    name = item.get("name") if isinstance(item, dict) else None
    return name if isinstance(name, str) else ""


def _variable(path: tuple[str, ...]) -> str:
    """The name of the variable or key whose value stands at `path`, empty where none does.

    A container's spec has `env.NAME`, a pod's `env.NAME.value`, a ConfigMap or Secret `data.NAME`.
    """
    if path[0] in ("env", "data", "stringData", "binaryData"):
        return path[-1]
    return path[-2] if path[-1] == "value" and path[-3:-2] == ("env",) else ""


def _name(text: str) -> str:
    """A name as it is, or quoted when it holds anything that could pass for words of ours."""
    return text if _PLAIN.fullmatch(text) else shown(text)


def _empty(item: FieldChange) -> bool:
    value = item.before if item.op is FieldOp.REMOVE else item.after
    return value in _NOTHING


def _escaped(char: str) -> str:
    if unicodedata.category(char) not in _HIDING and ord(char) not in EMPTY:
        return char
    code = ord(char)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
