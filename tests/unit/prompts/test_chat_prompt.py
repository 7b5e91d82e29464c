"""What the model of the chat is told first: word for word, and within its budget."""

from pathlib import Path

from opstwin.agent.drafting.tokens import tokens_in
from opstwin.prompts.loading import prompts

SNAPSHOT = Path(__file__).parent / "snapshots" / "converse.md"
FACTS = "A plan of this conversation waits for a human: plan_0000000001, risk low. Use plan_show."


def sent() -> str:
    """The prompt with its facts, behind its version."""
    prompt = prompts("chat")["converse"]
    return f"version: {prompt.version}\n\n{prompt.filled({'language': 'Korean', 'facts': FACTS})}\n"


def test_prompt_snapshot() -> None:
    assert sent() == SNAPSHOT.read_text(encoding="utf-8")


def test_it_keeps_its_budget_with_all_the_facts_that_there_can_be() -> None:
    prompt = prompts("chat")["converse"]
    past = f"Past deployment dep_{'0' * 20}: {'x' * 200} (needs_human)."
    facts = [FACTS, "The last execution of this conversation is exec_0000000001.", *[past] * 5]
    assert 0 < tokens_in(prompt.filled({"language": "English", "facts": "\n".join(facts)})) <= prompt.budget


if __name__ == "__main__":
    SNAPSHOT.write_text(sent(), encoding="utf-8")
