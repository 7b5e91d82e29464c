"""Watching an execution to its end, by the twin's own events."""

from typing import Final

from opstwin.agent.events import Progress
from opstwin.agent.progress import told_progress
from opstwin.agent.state import State
from opstwin.agent.turn import Turn
from opstwin.domain.event import Event
from opstwin.domain.execution import FINISHED, Execution, ExecutionState
from opstwin.twin.store import MAX_PAGE, Query

LOOK_S: Final = 5.0
"""The longest that nothing is looked at while no event comes."""

_ENDS: Final = {ExecutionState.SUCCEEDED: "applied", ExecutionState.ROLLED_BACK: "rolled_back"}


async def verify(state: State, turn: Turn) -> State:
    """How the execution ended. It goes on by itself when nobody watches; this only waits."""
    id = state.get("execution_id", "")
    store = turn.services.ledger.store
    told, newest = 0, 0
    while True:
        execution = await turn.services.ledger.need(Execution, id)
        told = await _tell(turn, id, told, state["language"])
        if execution.state in FINISHED:
            return State(outcome=_ENDS.get(execution.state, "failed"))
        newest = await store.wait(max(newest, told), LOOK_S)


async def _tell(turn: Turn, id: str, told: int, language: str) -> int:
    """Tell what happened since the event `told`; returns the newest one."""
    page = await turn.services.ledger.store.find(Query(Event, {"execution_id": id}, limit=MAX_PAGE))
    for event in page.items:
        if event.seq > told:
            message = told_progress(event.message, language)
            turn.tell(Progress(execution_id=id, message=turn.services.veil.over(message)))
            told = event.seq
    return told
