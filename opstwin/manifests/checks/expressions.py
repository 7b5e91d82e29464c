"""Expressions in CEL over one manifest: bounded in length, in steps and in what they build."""

from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import cached_property
from typing import Any, Final

from opstwin.errors import InvalidInput
from opstwin.manifests.checks.sheets import Object

LONGEST: Final = 4_096
MOST_STEPS: Final = 100_000
"""About half a second; a rule over all containers of a manifest takes some hundreds."""

_LARGEST: Final = 100_000
"""Characters or elements of one value that an expression makes."""


@dataclass(frozen=True)
class Expression:
    """One expression over `object`, which is true when the manifest keeps the rule.

    Raises `InvalidInput`, naming the rule and the field, for what is empty, too long or not CEL.
    """

    source: str
    name: str
    field: str
    _tree: Any = dataclass_field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compile it."""
        if not self.source.strip():
            raise self._wrong("has no expression")
        if len(self.source) > LONGEST:
            raise self._wrong(f"has an expression longer than {LONGEST} characters")
        from opstwin.manifests.checks import cel_runtime

        try:
            object.__setattr__(self, "_tree", cel_runtime.compiled(self.source))
        except cel_runtime.NotCel as error:
            raise self._wrong(f"has no valid CEL expression: {error}") from error

    def verdict(self, subject: "Subject") -> "Verdict":
        """Whether the manifest keeps the rule, or why that cannot be told."""
        from opstwin.manifests.checks import cel_runtime

        try:
            kept = cel_runtime.answer(self._tree, {"object": subject.value}, steps=MOST_STEPS, largest=_LARGEST)
        except cel_runtime.NoAnswer as error:
            return Verdict(kept=False, problem=f"The rule {self.name} has no answer here: {error}.")
        except cel_runtime.Spent:
            problem = f"The rule {self.name} takes too many steps here, and is not tried again on this set."
            return Verdict(kept=False, problem=problem, spent=True)
        return Verdict(kept=kept)

    def _wrong(self, problem: str) -> InvalidInput:
        return InvalidInput(
            f"The rule {self.name!r} {problem}.", field=self.field,
            next_step="Write CEL over object, such as object.spec.replicas <= 10.",
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says of one manifest. `problem` is why it says nothing; `spent` that it took too many steps."""

    kept: bool
    problem: str = ""
    spent: bool = False


@dataclass
class Subject:
    """A manifest in the form that expressions read, converted once for all rules."""

    manifest: Object

    @cached_property
    def value(self) -> Any:
        """The manifest as CEL values."""
        from opstwin.manifests.checks import cel_runtime

        return cel_runtime.cel_value(self.manifest)
