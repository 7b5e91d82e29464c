"""The prompt of a draft: a stable beginning (role, policy, form of the answer), the examples, then what changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from opstwin.agent.drafting.answers import schema_of, schema_text
from opstwin.agent.drafting.briefs import DraftBrief
from opstwin.agent.drafting.examples import examples_text
from opstwin.agent.drafting.outward import Cover, covering, lines_of, shown_container, shown_usage
from opstwin.agent.drafting.proposing import open_fields
from opstwin.agent.drafting.tokens import tokens_in
from opstwin.agent.models.port import DRAFT, Message, ModelRequest, Role
from opstwin.domain.spoken_secrets import without_spoken
from opstwin.domain.values import Json
from opstwin.errors import InvalidInput
from opstwin.manifests.generating.info import info_of_workload
from opstwin.prompts.loading import prompts
from opstwin.tools.untrusted import cleaned, fenced, inline

FOLDER: Final = "agent"
MAX_TOKENS: Final = 2_000
"""Of the answer to one brief (the seed's `max_tokens`)."""

_EACH_MORE: Final = 600
_MOST_TOKENS: Final = 8_000
_CONTAINER: Final = 2_600
_WORDS: Final = 1_600
_REQUIREMENTS: Final = 800
"""Characters of text of others; marks for what hides may double them at most, and the budgets leave room for that."""

_LINES: Final = 60
_LANGUAGES: Final = {"en": "English", "ko": "Korean"}
_PARTS: Final = (
    "role", "policy", "output", "examples", "no_examples", "example", "container", "requirements", "several", "repair",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """The texts of one request, in the order in which they are sent."""

    system: str
    examples: str
    user: str
    several: bool = False
    answers: int = 1

    @property
    def tokens(self) -> int:
        """How long it is, schema and all."""
        return tokens_in(self.system) + tokens_in(self.examples) + tokens_in(self.user)

    def request(self, more: Sequence[Message] = ()) -> ModelRequest:
        """As a model takes it, with what was said since."""
        return ModelRequest(
            purpose=DRAFT, system=self.system, examples=self.examples,
            messages=(Message(role=Role.USER, text=self.user), *more), schema=schema_of(several=self.several),
            max_tokens=min(_MOST_TOKENS, MAX_TOKENS + _EACH_MORE * (self.answers - 1)),
        )  # fmt: skip


def composed(brief: DraftBrief, cover: Cover) -> Composed:
    """The prompt of one draft. Raises `InvalidInput` for a policy that is too long to be sent."""
    cover = covering(_variables(brief), cover, _public(brief))
    return Composed(
        system=system_text(brief.policy, cover, several=False),
        examples=examples_text(brief.examples, cover),
        user=workload_text(brief, cover),
    )


def composed_of_several(briefs: Sequence[DraftBrief], cover: Cover) -> Composed:
    """The prompt of a draft for each of several briefs of one policy, with the examples of all. Raises likewise."""
    variables = [named for brief in briefs for named in _variables(brief)]
    cover = covering(variables, cover, " ".join(map(_public, briefs)))
    names = ", ".join(brief.base.name for brief in briefs)
    parts = "\n\n".join(workload_text(brief, cover) for brief in briefs)
    return Composed(
        system=system_text(briefs[0].policy, cover, several=True),
        examples=examples_text([item for brief in briefs for item in brief.examples], cover),
        user=_filled("several", names=names, workloads=parts), several=True, answers=len(briefs),
    )  # fmt: skip


def system_text(policy: str, cover: Cover, *, several: bool) -> str:
    """What is the same for every draft until the operator changes the policy."""
    shown = _filled("policy", policy=cover(without_spoken(policy.strip())))
    most = prompts(FOLDER)["policy"].budget
    if tokens_in(shown) > most:
        raise InvalidInput(
            f"The policy has {tokens_in(shown)} tokens, more than {most}.", field="policy_file",
            next_step="Shorten policy.md: every draft carries it.",
        )  # fmt: skip
    return "\n\n".join((_filled("role"), shown, _filled("output", schema=schema_text(several=several))))


def workload_text(brief: DraftBrief, cover: Cover) -> str:
    """One workload and what is asked for it."""
    return f"{container_text(brief, cover)}\n\n{requirements_text(brief, cover)}"


def container_text(brief: DraftBrief, cover: Cover) -> str:
    """What shall run, what was seen and measured of it, and what it is like now where that differs; all fenced."""
    name = brief.base.name
    shown = shown_container(info_of_workload(brief.base), cover)
    fields: dict[str, Json] = {**shown, **_seen(brief, shown, cover)}
    shown_text = fenced(lines_of(fields), f"workload {name}", limit=_CONTAINER, cover=cover)
    return _filled("container", name=name, container=shown_text)


def requirements_text(brief: DraftBrief, cover: Cover) -> str:
    """What the person said, as a quotation, and what is open."""
    said = [_quoted(without_spoken(brief.words), _WORDS, cover)]
    if brief.requirements:
        said.append(_quoted(without_spoken(brief.requirements), _REQUIREMENTS, cover))
    return _filled(
        "requirements", name=brief.base.name, target=inline(cover(brief.target)) if brief.target else "not said",
        open=", ".join(open_fields(brief)) or "none", words="\n>\n".join(filter(None, said)) or "> (none)",
        language=_LANGUAGES.get(brief.language, "English"),
    )  # fmt: skip


def repair_text(faults: Sequence[str], cover: Cover) -> str:
    """Asks for the answer once more."""
    told = "\n".join(f"- {cleaned(item, limit=300, one_line=True, cover=cover)}" for item in faults[:3])
    return _filled("repair", faults=told)


def budget() -> int:
    """The most tokens that the prompt of one draft may have."""
    texts = prompts(FOLDER)
    return sum(texts[name].budget for name in ("role", "policy", "output", "examples", "container", "requirements"))


def versions() -> str:
    """Which versions of the prompts a draft was made with, such as `role.1 policy.1 …`."""
    return " ".join(f"{name}.{prompts(FOLDER)[name].version}" for name in _PARTS)


def _variables(brief: DraftBrief) -> list[Mapping[str, str]]:
    """What the person's words, commands and labels may repeat."""
    found: list[Mapping[str, str]] = [brief.base.env]
    found += [brief.current.env] if brief.current is not None else []
    return found + ([brief.info.env_vars] if brief.info is not None else [])


def _public(brief: DraftBrief) -> str:
    return f"{brief.base.name} {brief.base.image}"


def _seen(brief: DraftBrief, shown: dict[str, Json], cover: Cover) -> dict[str, Json]:
    found: dict[str, Json] = {}
    if brief.info is not None:
        seen = shown_container(brief.info, cover)
        found |= {key: seen[key] for key in ("ports", "user", "cpu_now", "memory_now") if key in seen}
    if brief.options.usage is not None:
        found["measured"] = shown_usage(brief.options.usage)
    if brief.current is not None:
        now = shown_container(info_of_workload(brief.current), cover)
        found["runs_now_with"] = {key: value for key, value in now.items() if shown.get(key) != value}
    return {key: value for key, value in found.items() if value}


def _quoted(text: str, limit: int, cover: Cover) -> str:
    """Each line behind a `>`, so that nothing in it stands outside."""
    lines = [line for line in cleaned(text, limit=limit, cover=cover).splitlines() if line.strip()]
    more = [f"(… {len(lines) - _LINES} more lines)"] if len(lines) > _LINES else []
    return "\n".join(f"> {line}" for line in (*lines[:_LINES], *more))


def _filled(part: str, /, **given: str) -> str:
    return prompts(FOLDER)[part].filled(given)
