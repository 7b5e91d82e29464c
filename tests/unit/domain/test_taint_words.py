"""Words of the hub itself, which say nothing about who chose them."""

from enum import StrEnum

import pytest

from opstwin.domain.ask import Action
from opstwin.domain.execution import ExecutionState, Phase, StepState
from opstwin.domain.plan import Op, PlanState
from opstwin.domain.taint import chosen, suspects


@pytest.mark.parametrize("words", [Op, Phase, Action, StepState, ExecutionState, PlanState])
def test_what_the_hub_calls_its_operations_is_ordinary_as_an_argument_and_as_a_name_too(words: type[StrEnum]) -> None:
    values = [item.value for item in words]
    assert not suspects(values, [f"-{value}" for value in values])
    assert not chosen(values)


@pytest.mark.proves("H1")
def test_an_argument_that_is_no_operation_counts() -> None:
    assert suspects(["find", "/", "-printx", "-delete"], ["find", "/", "-printx", "-delete"]) >= {"printx"}
    assert "backdoor" in suspects([], ["replace", "backdoor"])
