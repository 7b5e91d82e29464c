"""The graph: which step follows which. Nodes get the turn from the runtime; the state holds ids alone."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from opstwin.agent.events import StepBegan, StepEnded
from opstwin.agent.nodes.answer import answer
from opstwin.agent.nodes.apply import after_apply, apply
from opstwin.agent.nodes.await_approval import after_await, decision, pause_of
from opstwin.agent.nodes.check import check
from opstwin.agent.nodes.compare import compare
from opstwin.agent.nodes.converse import after_converse, converse
from opstwin.agent.nodes.diagnose import diagnose
from opstwin.agent.nodes.draft import draft
from opstwin.agent.nodes.explain import explain
from opstwin.agent.nodes.plan import after_check, after_plan, plan
from opstwin.agent.nodes.report import report
from opstwin.agent.nodes.rest import after_rest, rest
from opstwin.agent.nodes.retrieve import retrieve
from opstwin.agent.nodes.understand import after_understand, understand
from opstwin.agent.nodes.undo import after_undo, undo
from opstwin.agent.nodes.verify import verify
from opstwin.agent.state import State
from opstwin.agent.turn import Turn

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

Node = Callable[[State, Turn], Awaitable[State]]

WAITS: Final = "await_approval"
NODES: Final[Mapping[str, Node]] = {
    "understand": understand, "retrieve": retrieve, "converse": converse, "draft": draft, "check": check, "plan": plan,
    "apply": apply, "verify": verify, "report": report, "diagnose": diagnose, "compare": compare, "explain": explain,
    "undo": undo, "answer": answer, "rest": rest,
}  # fmt: skip
KNOWN: Final = frozenset({*NODES, WAITS})
MAX_STEPS: Final = 60
"""Steps of the graph in one go, far beyond any right way through it."""


def built(saver: "BaseCheckpointSaver[Any]") -> "CompiledStateGraph[State, Turn, State, State]":
    """The graph on a checkpointer. The library is imported here, not before."""
    from langgraph.graph import END, START, StateGraph
    from langgraph.types import interrupt

    async def await_approval(state: State, runtime: Any) -> State:
        # On waking a node runs again from its first line: nothing may stand before the interrupt, nor use its answer.
        interrupt(pause_of(state))
        return await decision(state, runtime.context)

    graph: Any = StateGraph(State, context_schema=Turn)
    for name, node in NODES.items():
        graph.add_node(name, _step(name, node))
    graph.add_node(WAITS, await_approval)
    graph.add_edge(START, "understand")
    for name, follows in (("diagnose", "rest"), ("compare", "rest"), ("explain", "rest"), ("answer", "rest"),
                          ("draft", "check"), ("verify", "report"), ("report", "rest")):  # fmt: skip
        graph.add_edge(name, follows)
    ways: Mapping[str, Callable[[State], str]] = {
        "understand": after_understand, "retrieve": _after_retrieve, "converse": after_converse, "undo": after_undo,
        "check": _mended(after_check), "plan": _mended(after_plan), WAITS: after_await, "apply": after_apply,
        "rest": after_rest,
    }  # fmt: skip
    for name, way in ways.items():
        graph.add_conditional_edges(name, way, {**{item: item for item in KNOWN}, "end": END})
    compiled: CompiledStateGraph[State, Turn, State, State] = graph.compile(checkpointer=saver)
    return compiled


def _step(name: str, node: Node) -> Callable[..., Awaitable[State]]:
    async def run(state: State, runtime: Any) -> State:
        turn: Turn = runtime.context
        turn.tell(StepBegan(name=name))
        try:
            return await node(state, turn)
        finally:
            turn.tell(StepEnded(name=name))

    return run


def _after_retrieve(state: State) -> str:
    return "draft" if state.get("source") == "fallback" else "converse"


def _mended(way: Callable[[State], str]) -> Callable[[State], str]:
    """A model mends its own proposal; without one its trouble is told."""

    def chosen(state: State) -> str:
        found = way(state)
        if found != "mend":
            return found
        return "report" if state.get("source") == "fallback" else "converse"

    return chosen
