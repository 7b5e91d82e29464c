"""A provider of a language model, as people see it: never its key."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPlace:
    """One provider and model. `credential` is where its key is taken from (`env:NAME`), empty where none is needed.

    `has_key` says whether there is one. `answers` is None where nobody asked; `why` says what is wrong.
    """

    name: str
    kind: str
    model: str
    address: str
    credential: str
    has_key: bool
    answers: bool | None = None
    why: str = ""
