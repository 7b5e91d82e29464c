"""Drafts, put together: the model where one is set up, the policy file, and the generator."""

from opstwin.agent.drafting.calibration import Calibration
from opstwin.agent.drafting.drafter import Drafter
from opstwin.agent.drafting.policy_file import policy_file
from opstwin.agent.drafting.service import Drafting
from opstwin.agent.models.gateway import Gateway
from opstwin.agent.models.opening import open_model
from opstwin.agent.models.port import LanguageModel
from opstwin.clock import Clock
from opstwin.control.generating import Generating
from opstwin.control.remembering import Memory
from opstwin.errors import ModelError
from opstwin.settings import Settings
from opstwin.tools.veiling import Veil


def model_of(settings: Settings, clock: Clock, veil: Veil) -> Gateway | None:
    """The language models of this hub; None where none is set up. Nothing is connected before it is used."""
    try:
        return open_model(settings, clock, veil.over, ready=veil.ready)
    except ModelError:
        return None


def drafts_of(
    settings: Settings, generating: Generating, veil: Veil, model: LanguageModel | None, memory: Memory | None = None
) -> Drafting:
    """What fills in the wishes of this hub."""
    return Drafting(
        drafter=Drafter(model, veil=veil, calibrate=Calibration(generating.ledger)), generating=generating,
        policy=policy_file(settings.policy_file, settings.data_dir), most=settings.draft_examples,
        memory=memory,
    )  # fmt: skip
