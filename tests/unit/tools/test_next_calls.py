"""Next steps as an AI client reads them: a call where a tool does it, a person's command where none does."""

import ast
import re
from pathlib import Path

import pytest

import opstwin
from opstwin.errors import NotApproved, NotFound
from opstwin.server.mcp.refusals import told
from opstwin.tools.next_calls import as_calls

CALLS = {
    "List plans: opstwin get plans": "List plans: approvals_list()",
    "List them: opstwin get executions": "List them: history_search()",
    "See what is there: opstwin get": "See what is there: twin_query()",
    "See what is there: opstwin get --target lab": "See what is there: twin_query(target=lab)",
    "See it: opstwin get lab/container/web-1. Then plan.": "See it: twin_get(id=lab/container/web-1). Then plan.",
    "See the form with opstwin get -o json.": "See the form with twin_get(id=…, response_format=detailed).",
    "Look: opstwin get, opstwin logs": "Look: twin_query(), logs_search(subject=…)",
    "List targets: opstwin targets list": "List targets: twin_query()",
    "Check it: opstwin targets test lab": "Check it: discover(id=lab)",
    "Check it: opstwin targets test <target>": "Check it: discover(id=…)",
    "Check it: opstwin targets test": "Check it: discover(id=…)",
    "Observe first: opstwin discover lab, then plan again.": "Observe first: discover(id=lab), then plan again.",
    "Look again: opstwin discover, then opstwin plan …": "Look again: discover(id=…), then plan_create(…)",
    'opstwin plan "stop web" or opstwin plan "delete web".': (
        'plan_create(words="stop web") or plan_create(words="delete web").'
    ),
    "opstwin plan --drift": "plan_create(drift=true)",
    "opstwin plan --drift --target lab": "plan_create(drift=true, target=lab)",
    "Plan again: opstwin plan -f …": "Plan again: plan_create(…)",
    "See it: opstwin show plan_7f3k": "See it: plan_show(id=plan_7f3k)",
    "See it: opstwin show exec_7f3k": "See it: execution_get(id=exec_7f3k)",
    "Wait for it: opstwin watch": "Wait for it: execution_get(id=…, wait_s=50)",
    "Decide by hand: opstwin drift shows what differs.": "Decide by hand: drift_explain() shows what differs.",
    "See what was done: opstwin history": "See what was done: history_search()",
    "look at opstwin logs web, or restart it": "look at logs_search(subject=web), or restart it",
}


@pytest.mark.parametrize(("step", "call"), CALLS.items(), ids=CALLS)
def test_a_command_that_a_tool_does_is_told_as_the_call_of_the_tool(step: str, call: str) -> None:
    assert as_calls(step) == call


@pytest.mark.parametrize(
    "step",
    [
        "opstwin approve plan_7f3k2m9x1q",
        "Take it over first: opstwin adopt lab/container/db",
        'Make one: opstwin people add NAME --agent --scopes "twin:read"',
        "Switch it on: opstwin targets update lab --active",
        "Add one: opstwin targets add",
        "Check the data directory: opstwin doctor",
        "show a human what it does: plan_show(id=plan_7f3k)",
    ],
)
def test_what_only_a_person_may_do_stays_a_command(step: str) -> None:
    assert as_calls(step) == step


def test_an_error_names_the_call_in_its_data_and_in_its_text() -> None:
    data, text = told(NotFound("There is no plan 'x'.", next_step="List plans: opstwin get plans"))
    assert data["error"]["next_step"] == "List plans: approvals_list()"
    assert text == "There is no plan 'x'. List plans: approvals_list()"
    assert "opstwin approve" in told(NotApproved("Wait.", next_step="opstwin approve plan_1"))[1]


def test_no_next_step_in_the_package_sends_a_model_to_a_shell_to_look_or_to_plan() -> None:
    looking = re.compile(r"opstwin (get|discover|plan|drift|history|watch|logs|targets (list|test))\b")
    written = {
        re.sub(r"{[^}]*}", "lab", ast.unparse(node.value))
        for part in ("control", "domain", "intent", "targets", "tools")
        for path in (Path(opstwin.__file__).parent / part).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.keyword) and node.arg == "next_step"
    }
    assert len([step for step in written if looking.search(step)]) > 40
    for_models = [step for step in written if "A person plans it" not in step]
    assert [step for step in for_models if looking.search(as_calls(step))] == []
