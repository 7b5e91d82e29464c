"""Reasons: written in English into the plan, told whole in Korean, and nothing that was not ours is changed."""

import ast
import re
from pathlib import Path

import pytest

from opstwin.domain.plan import Op
from opstwin.domain.reasons import TEXTS, reason, told
from tests.unit.domain.test_plan_text import changed, plan_of, text

ROOT = Path(__file__).parents[3] / "opstwin"
VALUES = {
    "name": "web-data", "image": "nginx:latest", "count": 60, "removed": 5, "standing": 10, "fields": "image, ports",
    "names": "DB, CACHE", "kind": "namespace", "field": "spec.replicas", "owner": "kubectl", "text": "unknown field",
    "rule": "security/privileged",
}  # fmt: skip


@pytest.mark.parametrize("key", TEXTS)
def test_every_reason_is_told_in_korean_with_its_names_and_without_english(key: str) -> None:
    english, korean = TEXTS[key]
    holes = set(re.findall(r"{(\w+)}", english))
    assert set(re.findall(r"{(\w+)}", korean)) == holes
    assert told(reason(key, **VALUES), "ko") == korean.format(**VALUES)
    assert told(reason(key, **VALUES), "en") == english.format(**VALUES)
    assert not re.findall(r"[A-Za-z]{3,}", re.sub(r"{\w+}", "", korean).replace("Opstwin", ""))


@pytest.mark.parametrize("name", ["{name}", "a is lost", "{0.__class__}", "x\ny", "%s"])
def test_what_stands_in_a_name_stays_as_it_is(name: str) -> None:
    assert told(reason("data_lost", name=name), "ko") == f"볼륨 {name}의 데이터가 사라지며 되돌릴 수 없습니다"


def test_a_text_that_is_none_of_ours_stays_as_it_is() -> None:
    assert told("somebody wrote this", "ko") == "somebody wrote this"


def test_a_korean_plan_holds_no_english_reason() -> None:
    why = [reason(key, **VALUES) for key in TEXTS]
    shown = text(plan_of(changed(Op.REPLACE, "a-1", {"image": "app:1"}, {"image": "app:2"}, reasons=tuple(why))), "ko")
    assert not any(item in shown for item in why)


def test_every_reason_of_a_change_is_one_of_these() -> None:
    """A reason written as a plain text elsewhere would be told in English to everybody."""
    plain: list[str] = []
    for file in [*ROOT.glob("domain/*.py"), *ROOT.glob("control/*.py"), *ROOT.glob("catalog/*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "reasons":
                plain += [item.value for item in ast.walk(node.value) if _is_text(item)]
    assert [item for item in plain if told(item, "ko") == item] == []


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(node.value)
