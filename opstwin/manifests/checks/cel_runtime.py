"""Runs CEL expressions with a budget. The only module that imports the CEL library, which is slow to import."""

from typing import Any, Final, TypeAlias

import lark
from celpy import Environment
from celpy.adapter import json_to_cel
from celpy.celparser import CELParseError
from celpy.celtypes import BoolType, Value
from celpy.evaluation import Activation, CELEvalError, CELSyntaxError, CELUnsupportedError, Evaluator

Tree: TypeAlias = "lark.Tree[Any]"

_FAILURES: Final = (
    CELEvalError, CELSyntaxError, CELUnsupportedError, ArithmeticError, LookupError, TypeError, ValueError,
    AttributeError, RecursionError, NotImplementedError, lark.exceptions.LarkError,
)  # fmt: skip


class NotCel(Exception):
    """The text is no expression; the message says where."""


class NoAnswer(Exception):
    """The expression has no answer for this manifest; the message says why."""


class Spent(Exception):
    """The expression does more than its budget allows."""


class _Budget:
    def __init__(self, steps: int, largest: int) -> None:
        self._left, self._largest = steps, largest

    def spend(self, result: Any) -> None:
        size = len(result) if isinstance(result, str | bytes | list) else 0
        self._left -= 1 + size // 64
        if self._left < 0 or size > self._largest:
            raise Spent


class _BoundedEvaluator(Evaluator):
    """Counts every node that it visits, in the bodies of macros too."""

    def __init__(self, ast: Tree, activation: Activation, budget: _Budget) -> None:
        super().__init__(ast, activation)
        self._budget = budget

    def sub_evaluator(self, ast: Tree) -> Evaluator:
        return _BoundedEvaluator(ast, self.activation, self._budget)

    def visit_children(self, tree: Tree) -> list[Any]:
        results = super().visit_children(tree)
        for result in results:
            self._budget.spend(result)
        return results


_ENVIRONMENT: Final = Environment()


def compiled(expression: str) -> Tree:
    """The expression, ready to run. Raises `NotCel`."""
    try:
        return _ENVIRONMENT.compile(expression)
    except CELParseError as error:
        where = f"line {error.line}, column {error.column}" if error.line is not None else "its end"
        raise NotCel(f"it cannot be read at {where}") from error
    except _FAILURES as error:
        raise NotCel("it cannot be read") from error


def cel_value(value: Any) -> Value:
    """JSON as CEL values. Raises `NoAnswer` for what CEL cannot hold, such as numbers beyond 64 bits."""
    try:
        return json_to_cel(value)
    except _FAILURES as error:
        raise NoAnswer("the manifest holds values that CEL cannot") from error


def answer(tree: Tree, variables: dict[str, Value], *, steps: int, largest: int) -> bool:
    """What the expression says. Raises `NoAnswer` or `Spent`."""
    evaluator = _BoundedEvaluator(tree, Activation(), _Budget(steps, largest))
    try:
        result = evaluator.evaluate(variables)
    except _FAILURES as error:
        raise NoAnswer(_reason(error)) from error
    if not isinstance(result, BoolType | bool):
        raise NoAnswer("it says neither true nor false")
    return bool(result)


def _reason(error: Exception) -> str:
    """A short reason; the library's own texts may hold the whole manifest."""
    text = str(error.args[0]) if error.args else ""
    for known in ("no such member", "undeclared reference to", "no matching overload", "divide by zero", "overflow"):
        if known in text:
            return text.partition("(in activation")[0].strip()[:120] if known != "no matching overload" else known
    return "it cannot be evaluated here"
