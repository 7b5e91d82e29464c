"""What an execution does, told in the person's language while it happens. It is written down in English."""

import re
from typing import Final

from opstwin.agent.failing import told_reason
from opstwin.agent.telling_words import state_word

_STEP: Final = re.compile(
    r"(?P<undo>undo: )?(?P<op>[a-z]+) (?P<resource>[^\s/]+/[^\s:]+(?::[^\s]+)?): (?P<state>[a-z]+)"
)
_BEGINS: Final = re.compile(r"Applying plan (?P<plan>plan_[0-9a-z]+)\.")


def told_progress(message: str, language: str) -> str:
    """A step, or a state of the whole; the names in it stay as they are."""
    if language != "ko":
        return message
    step, begins = _STEP.fullmatch(message), _BEGINS.fullmatch(message)
    if step is not None:
        undo = "되돌리기: " if step["undo"] else ""
        state = "시작" if step["state"] == "intended" else state_word(language, step["state"])
        return f"{undo}{state_word(language, step['op'])} {step['resource']}: {state}"
    if begins is not None:
        return f"계획 {begins['plan']}을(를) 적용합니다."
    known = state_word(language, message)
    return known if known != message else told_reason(message, "", language)
