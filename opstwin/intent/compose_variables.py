"""`${VAR}` in Compose files, by chapter 12 of the Compose specification, except that an unset variable is an error."""

import re
from collections.abc import Mapping
from typing import Final

from opstwin.errors import InvalidInput, LimitExceeded
from opstwin.manifests.nodes import ListNode, MapNode, Node, Place, Scalar, fault

MAX_NESTING: Final = 8
MAX_CHARACTERS: Final = 4 * 1024 * 1024
"""What all values together may grow to: four times the largest file."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_PLAIN: Final = {"": re.compile(r"[^$]+"), "}": re.compile(r"[^$}]+")}
_OPERATORS: Final = (":-", "-", ":?", "?", ":+", "+")


class Interpolation:
    """Replaces variables in the values (not the keys) of a document. It knows `variables` alone: no environment."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._spent = 0

    def applied(self, node: Node) -> Node:
        """The node with its variables replaced. Raises `InvalidInput` naming the variable and the line."""
        if isinstance(node, Scalar):
            return self._scalar(node) if "$" in node.text else node
        if isinstance(node, ListNode):
            return ListNode(tuple(self.applied(item) for item in node.items), node.place, node.size, node.height)
        items = {key: self.applied(item) for key, item in node.items.items()}
        return MapNode(items, node.keys, node.place, node.size, node.height)

    def _scalar(self, node: Scalar) -> Scalar:
        text = _Template(node.text, self._variables, node.place).read()
        self._spent += len(text)
        if self._spent > MAX_CHARACTERS:
            raise LimitExceeded(
                "The file grows beyond 4 MiB when its variables are filled in.",
                next_step="Use shorter values.",
                details={"limit": MAX_CHARACTERS, "unit": "characters"},
            )
        return Scalar(text, plain=False, place=node.place)


class _Template:
    """One pass over one text."""

    def __init__(self, text: str, variables: Mapping[str, str], place: Place) -> None:
        self._text = text
        self._variables = variables
        self._place = place
        self._at = 0
        self._length = 0

    def read(self) -> str:
        return self._until(end="", depth=0, live=True)

    def _until(self, end: str, depth: int, *, live: bool) -> str:
        """The text up to `end`; a part that is not `live` is passed over without needing its variables."""
        parts: list[str] = []
        while self._at < len(self._text):
            char = self._text[self._at]
            if char == end:
                self._at += 1
                return "".join(parts)
            parts.append(self._dollar(depth, live=live) if char == "$" else self._literal(_PLAIN[end]))
        if end:
            raise self._fault("A ${ is never closed.", "Close it with }, or write $$ for a dollar sign.")
        return "".join(parts)

    def _literal(self, stretch: re.Pattern[str]) -> str:
        match = stretch.match(self._text, self._at)
        assert match is not None
        self._at = match.end()
        return match[0]

    def _dollar(self, depth: int, *, live: bool) -> str:
        following = self._text[self._at + 1 : self._at + 2]
        if following == "$":
            self._at += 2
            return "$"
        if following == "{":
            self._at += 2
            return self._braced(depth + 1, live=live)
        name = _NAME.match(self._text, self._at + 1)
        if name is None:
            self._at += 1
            return "$"
        self._at = name.end()
        return self._value(name[0]) if live else ""

    def _braced(self, depth: int, *, live: bool) -> str:
        if depth > MAX_NESTING:
            raise self._fault(f"Variables are nested deeper than {MAX_NESTING}.", "Use fewer defaults of defaults.")
        name = _NAME.match(self._text, self._at)
        if name is None:
            raise self._fault("A ${ has no variable's name after it.", "Write ${NAME}, or $$ for a dollar sign.")
        self._at = name.end()
        if self._text.startswith("}", self._at):
            self._at += 1
            return self._value(name[0]) if live else ""
        operator = next((item for item in _OPERATORS if self._text.startswith(item, self._at)), None)
        if operator is None:
            raise self._fault(f"${{{name[0][:80]}… is not understood.", "Write ${NAME} or ${NAME:-default}.")
        self._at += len(operator)
        return self._operated(name[0], operator, depth, live=live)

    def _operated(self, name: str, operator: str, depth: int, *, live: bool) -> str:
        value = self._variables.get(name)
        given = value is not None and (value != "" or operator[0] != ":")
        uses_operand = given if operator[-1] == "+" else not given
        operand = self._until("}", depth, live=live and uses_operand)
        if uses_operand and operator[-1] == "?" and live:
            raise self._fault(f"Variable {name[:80]} must be set: {operand[:200]}.", f"Give {name[:80]} a value.")
        if uses_operand:
            return operand
        return value or "" if operator[-1] != "+" else ""

    def _value(self, name: str) -> str:
        value = self._variables.get(name)
        if value is None:
            raise self._fault(
                f"Variable {name[:80]} is not set.",
                f"Give it a value (--var {name[:80]}=…), or a default in the file: ${{{name[:80]}:-value}}. "
                "For a dollar sign write $$.",
            )
        self._length += len(value)
        if self._length > MAX_CHARACTERS:
            raise LimitExceeded(
                "A value grows beyond 4 MiB when its variables are filled in.", next_step="Use shorter values."
            )
        return value

    def _fault(self, message: str, next_step: str) -> InvalidInput:
        return fault(message, place=self._place, next_step=next_step)
