"""Who decides in a trial: nobody, a script, a recording, or a language model. The rest is the product as it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from opstwin.agent.models.port import LanguageModel
from opstwin.agent.models.scripted import ScriptedModel
from opstwin.domain.values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One try of one scenario: what is compared (`arm`, such as `k=3`), and the seed of its draw."""

    scenario: str
    arm: str
    seed: int

    @property
    def key(self) -> str:
        """Its name among all trials."""
        return f"{self.scenario} {self.arm} seed={self.seed}"


class Brain(Protocol):
    """Gives the model of each trial, anew each time."""

    @property
    def name(self) -> str:
        """How it is called."""
        ...

    def about(self) -> Mapping[str, Json]:
        """What it is, for the report: `says` in words, `models` where there are any. Nothing that changes by itself."""
        ...

    def model(self, trial: Trial) -> LanguageModel | None:
        """Who answers in this trial; None: the product without a model."""
        ...


@dataclass(frozen=True, slots=True)
class Template:
    """No model: the deterministic drafter, as in a hub without a key."""

    name: str = "template"

    def about(self) -> Mapping[str, Json]:
        """See the port."""
        return {"says": "no model is asked: the deterministic drafter alone"}

    def model(self, trial: Trial) -> LanguageModel | None:
        """See the port."""
        return None


@dataclass(frozen=True, slots=True)
class Scripted:
    """A script of this package; `says` tells in words what it does. No figure of it is one of a language model."""

    name: str
    says: str
    make: Callable[[Trial], ScriptedModel]

    def about(self) -> Mapping[str, Json]:
        """See the port."""
        return {"says": f"a script and no language model: {self.says}"}

    def model(self, trial: Trial) -> LanguageModel | None:
        """See the port."""
        return self.make(trial)


@dataclass(frozen=True, slots=True)
class Live:
    """The language model that the settings name, asked anew in each trial."""

    asked: LanguageModel
    models: tuple[str, ...]
    params: Mapping[str, Json] = field(default_factory=dict)
    name: str = "live"

    def about(self) -> Mapping[str, Json]:
        """See the port."""
        return {"says": "a language model, asked for each trial", "models": [*self.models], "params": {**self.params}}

    def model(self, trial: Trial) -> LanguageModel | None:
        """See the port."""
        return self.asked


def null() -> Scripted:
    """The brain that says nothing."""
    return Scripted("null", "it says nothing", lambda _trial: ScriptedModel(otherwise=""))
