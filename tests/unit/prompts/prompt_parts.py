"""The prompts of a draft, filled in for one fixed brief: what the snapshots hold. Run as a module, it writes them."""

from pathlib import Path

from opstwin.agent.drafting.answers import schema_text
from opstwin.agent.drafting.composing import composed_of_several, container_text, repair_text, requirements_text
from opstwin.agent.drafting.examples import examples_text
from opstwin.domain.secret_text import without_secrets
from opstwin.prompts.loading import prompts
from tests.unit.agent.drafting.briefs import briefs

FOLDER = Path(__file__).parent / "snapshots"
PARTS = (
    "role", "policy", "standards", "output", "examples", "no_examples", "container", "requirements", "several",
    "repair",
)  # fmt: skip


def part(name: str) -> str:
    """One part as it is sent, behind the version of its prompt."""
    brief, texts = briefs()["measured"], prompts("agent")
    filled = {
        "role": lambda: texts["role"].filled({}),
        "policy": lambda: texts["policy"].filled({"policy": brief.policy}),
        "standards": lambda: texts["standards"].filled({}),
        "output": lambda: texts["output"].filled({"schema": schema_text(several=False)}),
        "examples": lambda: examples_text(brief.examples, without_secrets),
        "no_examples": lambda: examples_text((), without_secrets),
        "container": lambda: container_text(brief, without_secrets),
        "requirements": lambda: requirements_text(brief, without_secrets),
        "several": lambda: composed_of_several([brief, briefs()["database"]], without_secrets).user,
        "repair": lambda: repair_text(("memory: must not be a sentence.",), without_secrets),
    }[name]()
    return f"version: {texts[name].version}\n\n{filled}\n"


if __name__ == "__main__":
    for name in PARTS:
        (FOLDER / f"{name}.md").write_text(part(name), encoding="utf-8")
