"""A plan as text: from the structured diff alone, safe to print, the same everywhere."""

import unicodedata
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.command import Command
from opstwin.domain.plan import Change, Op, Origin, Plan, Risk, Summary, WorkloadChange, sealed
from opstwin.domain.plan_text import plan_lines, safe, shown, summary_line
from opstwin.domain.values import Digest, PlanId, Spec, TargetId, resource_id
from opstwin.domain.workload import Workload

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
LOCAL = TargetId("local")
SPEC: Spec = {
    "image": "app:1",
    "env": {"A": "1"},
    "command": None,
    "secret_env": {"TOKEN": "env:TOKEN"},
    "running": True,
}


def changed(
    op: Op, name: str = "web-1", before: Spec | None = None, after: Spec | None = None, **more: object
) -> Change:
    return Change(
        resource=resource_id(LOCAL, "container", name), target=LOCAL, kind="container", name=name, op=op, before=before,
        after=after, **more,  # type: ignore[arg-type]
    )  # fmt: skip


def plan_of(*changes: Change, **more: object) -> Plan:
    return sealed(
        Plan(
            id=PlanId("plan_1"), target=LOCAL, origin=Origin.WORDS, request="test", changes=changes, risk=Risk.LOW,
            requested_by=Actor(kind=ActorKind.PERSON, id="anna"), digest=Digest(""), created_at=NOW,
            expires_at=NOW + timedelta(days=1), **more,  # type: ignore[arg-type]
        )
    )  # fmt: skip


def text(plan: Plan, language: str = "en") -> str:
    return "\n".join(plan_lines(plan, language))


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        ("en", [
            "  > container web-1 runs a command, once",
            '      argv = ["sh", "-c", "echo \\"a b\\"; \\u202e"]',
            "      # ended after 7.5 s at the latest; never run a second time, never undone",
            "Plan: 0 to add, 0 to change, 0 to remove, 1 to run.",
        ]),
        ("ko", [
            "  > container web-1 안에서 명령을 한 번 실행합니다",
            '      argv = ["sh", "-c", "echo \\"a b\\"; \\u202e"]',
            "      # 늦어도 7.5초 뒤에 종료됩니다. 두 번 실행하지 않으며 되돌리지 않습니다",
            "계획: 추가 0, 변경 0, 제거 0, 명령 1.",
        ]),
    ],
)  # fmt: skip
def test_a_command_is_shown_word_by_word_with_nothing_hidden(language: str, lines: list[str]) -> None:
    command = Command(argv=("sh", "-c", 'echo "a b"; \u202e'), timeout_s=7.5)
    shown = plan_lines(plan_of(changed(Op.EXEC, "web-1", None, None, command=command)), language)
    assert [line for line in lines if line not in shown] == []


def test_each_op_has_its_symbol_and_fields_and_the_end_says_how_much_how_risky_and_which_digest() -> None:
    plan = plan_of(
        changed(Op.CREATE, "a-1", None, SPEC),
        changed(Op.UPDATE, "b-1", {"memory_bytes": 1}, {"memory_bytes": 2}),
        changed(
            Op.REPLACE, "c-1", {"image": "app:1"}, {"image": "app:2"}, reasons=("image cannot be changed in place",)
        ),
        changed(Op.DELETE, "d-1", {"image": "app:1", "command": None}, None),
        changed(Op.RESTART, "e-1", SPEC, SPEC),
    )
    assert plan_lines(plan) == [
        "Plan plan_1 on local",
        "",
        "  + container a-1 will be created",
        '      + env = {"A": "1"}',
        '      + image = "app:1"',
        "      + running = true",
        '      + secret_env = {"TOKEN": (secret from env:TOKEN)}',
        "      + id = (known after apply)",
        "",
        "  ~ container b-1 will be updated in place",
        "      ~ memory_bytes = 1 -> 2",
        "",
        "-/+ container c-1 must be replaced",
        '      ~ image = "app:1" -> "app:2"',
        "      ~ id = (known after apply)",
        "      # image cannot be changed in place",
        "",
        "  - container d-1 will be deleted",
        '      - image = "app:1"',
        "",
        "  ~ container e-1 will be restarted",
        "",
        "Plan: 2 to add, 1 to change, 2 to remove, 1 to restart.",
        "Risk: low",
        f"Digest: {plan.digest}",
    ]


def test_korean_changes_the_fixed_words_and_nothing_of_the_content() -> None:
    plan = plan_of(changed(Op.CREATE, "web-1", None, SPEC), changed(Op.DELETE, "web-2", SPEC, None))
    lines = text(plan, "ko")
    assert "  + container web-1 생성됩니다" in lines
    assert "  - container web-2 삭제됩니다" in lines
    assert "계획: 추가 1, 변경 0, 제거 1." in lines
    assert "위험도: 낮음" in lines
    assert '+ image = "app:1"' in lines
    assert plan.digest in lines
    assert summary_line(Summary(restart=2), "ko") == "계획: 추가 0, 변경 0, 제거 0, 재시작 2."


@pytest.mark.proves("G8")
@pytest.mark.parametrize("language", ["en", "ko"])
def test_no_words_of_a_requester_or_a_model_are_in_the_text_of_the_diff(language: str) -> None:
    honest = plan_of(changed(Op.DELETE, "web-1", SPEC, None))
    lying = replace(
        honest,
        request="scale web to 3",
        notes=("This only scales web to 3 replicas.", "\n  + container web-3 will be created", "Risk: none"),
        mode="scale",
    )
    assert plan_lines(lying, language) == plan_lines(honest, language)
    assert "  - container web-1" in text(lying, language)
    assert "scale" not in text(lying, language)
    assert "web-3" not in text(lying, language)


@pytest.mark.proves("G8")
@pytest.mark.parametrize(
    "evil",
    [
        'x"\n  + container web-9 will be created',
        "\x1b[2J\x1b[31mRisk: none",
        "a\u202egnp.exe",
        "zero\u200bwidth\ufeff",
        "\r  ~ nothing",
        "\u2028  - container db",
        "\x00\x07\x7f\x85",
        "\ue000\U000e0041",
    ],
)
def test_no_value_can_add_a_line_or_hide_text(evil: str) -> None:
    honest = plan_of(changed(Op.CREATE, "web-1", None, {"image": "app:1", "env": {"A": "x"}}))
    spec: Spec = {"image": "app:1", "env": {"A": evil}}
    lines = plan_lines(plan_of(changed(Op.CREATE, "web-1", None, spec)))
    assert len(lines) == len(plan_lines(honest))
    named = plan_lines(plan_of(changed(Op.UPDATE, evil, {evil: 1}, {evil: 2}, reasons=(evil,))))
    assert len(named) == 9
    for line in (*lines, *named):
        assert not any(unicodedata.category(char) in {"Cc", "Cf", "Co", "Zl", "Zp"} for char in line)


def test_a_field_whose_name_looks_like_a_change_is_quoted() -> None:
    spec: Spec = {"labels": {'x = "1" -> "2"': "y"}}
    assert '"x = \\"1\\" -> \\"2\\""' in text(plan_of(changed(Op.UPDATE, "web-1", {"labels": {}}, spec)))


def test_a_resource_whose_name_looks_like_a_sentence_is_quoted() -> None:
    plan = plan_of(changed(Op.DELETE, "web-3 will be created", SPEC, None))
    assert '  - container "web-3 will be created" will be deleted' in text(plan)


def test_masked_values_are_shown_as_sensitive() -> None:
    plan = plan_of(changed(Op.DELETE, "box", {"env": {"DB_PASSWORD": "•••"}}, None))
    assert '- env = {"DB_PASSWORD": (sensitive value)}' in text(plan)


def test_a_plan_without_changes_says_so_and_names_what_it_records() -> None:
    assert "No changes. What is desired on local is there." in text(plan_of())
    recorded = plan_of(
        workloads=(
            WorkloadChange(target=LOCAL, name="web", workload=Workload(name="web", image="app:1")),
            WorkloadChange(target=LOCAL, name="api", workload=None),
        )
    )
    assert "  ~ workload web is recorded as asked" in text(recorded)
    assert "  ~ workload api is taken down" in text(recorded)
    assert "변경 사항이 없습니다" in text(plan_of(), "ko")


@given(st.text())
def test_safe_text_is_one_visible_line(value: str) -> None:
    for line in (safe(value), shown(value), shown({value: [value]})):
        assert len(line.splitlines()) <= 1
        assert all(unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in line)


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("en", "What should be was set directly, without a plan, by anna, ben."),
        ("ko", "계획 없이 직접 설정된 상태입니다. 설정한 사람: anna, ben"),
    ],
)
def test_everybody_who_set_directly_what_a_plan_brings_about_is_named(language: str, line: str) -> None:
    first = changed(Op.UPDATE, "web-1", {"a": 1}, {"a": 2}, asked_by=("ben",))
    second = changed(Op.UPDATE, "web-2", {"a": 1}, {"a": 2}, asked_by=("anna", "ben"))
    assert f"  {line}" in plan_lines(plan_of(first, second), language)
    assert line[:12] not in text(plan_of(replace(first, asked_by=())), language)
