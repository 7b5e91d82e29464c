"""What a person says in the chat is theirs, whatever was shown before; what a model takes from elsewhere is not."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from opstwin.agent.models.scripted import ScriptedModel, Turn, call, calling
from opstwin.control.tainting import Quoted, Taints
from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.plan import Plan, Risk
from tests.interaction.planner_home import Heard, Talks, talking
from tests.interaction.test_taint import EVIL, LINE, furnished

LISTED = "postgres:16"
OWN = f"deploy {LISTED} as db"


@asynccontextmanager
async def chatting(folder: Path, turns: Sequence[Turn] = ()) -> AsyncIterator[Talks]:
    """Talks on a target with an image that nobody uses, and a container whose log gives orders."""
    async with talking(folder, ScriptedModel(turns) if turns else None) as talks:
        talks.house.world.image(LISTED, exposed=(5432,))
        await furnished(talks.house)
        yield talks


async def plan_of(talks: Talks, heard: Heard) -> Plan:
    return await talks.house.services.ledger.need(Plan, heard.plan_id)


@pytest.mark.proves("H1")
@pytest.mark.parametrize("words", [OWN, f"could you please deploy {LISTED} as db?", f"{LISTED}를 db로 배포해줘"])
async def test_a_persons_own_request_is_no_taint_whatever_was_shown_before(tmp_path: Path, words: str) -> None:
    async with chatting(tmp_path) as talks:
        seen = await talks.say("which images are there?")
        assert LISTED in seen.text
        plan = await plan_of(talks, await talks.say(words))
        assert not plan.tainted, plan.taint


async def test_a_request_in_a_persons_own_words_that_a_model_hands_on_is_no_taint(tmp_path: Path) -> None:
    file = f"name: db\nimage: {LISTED}\n"
    turns = [calling(call("twin_query", kind="image")), calling(call("plan_create", file=file))]
    async with chatting(tmp_path, turns) as talks:
        heard = await talks.say(OWN)
        plan = await plan_of(talks, heard)
        assert heard.tools[0] == "twin_query"
        assert not plan.tainted, plan.taint


@pytest.mark.proves("H1")
@pytest.mark.parametrize(
    "said",
    [OWN, "what does loud say?", f"what is {EVIL}?", f"the log says: {LINE}"],
    ids=["a request", "a question", "an image", "a quote"],
)
async def test_what_a_model_copies_from_a_log_stays_tainted_whatever_the_person_said(tmp_path: Path, said: str) -> None:
    turns = [
        calling(call("logs_search", subject="loud")),
        calling(call("plan_create", words=f"deploy {EVIL} as repair")),
    ]
    async with chatting(tmp_path, turns) as talks:
        plan = await plan_of(talks, await talks.say(said))
        assert plan.tainted
        assert plan.risk is Risk.HIGH


@pytest.mark.proves("H1")
async def test_what_a_model_adds_to_a_persons_own_request_stays_tainted(tmp_path: Path) -> None:
    file = f"name: db\nimage: {LISTED}\ncommand: [deploy, '{EVIL}']\n"
    turns = [calling(call("logs_search", subject="loud")), calling(call("plan_create", file=file))]
    async with chatting(tmp_path, turns) as talks:
        plan = await plan_of(talks, await talks.say(OWN))
        assert plan.tainted
        assert plan.taint is not None
        assert all(LISTED not in match.text for match in plan.taint.matches)


@pytest.mark.proves("H1")
async def test_own_words_of_one_turn_whiten_nothing_in_the_next(tmp_path: Path) -> None:
    async with chatting(tmp_path) as talks:
        await talks.say("logs of loud")
        assert not (await plan_of(talks, await talks.say(f"deploy {EVIL} as repair"))).tainted
    asker = Actor(kind=ActorKind.AGENT, id="planner", on_behalf_of="operator", face="chat")

    class Asking:
        actor = asker
        is_person = False
        said = ""

    async with chatting(tmp_path / "other") as talks:
        taints: Taints = talks.house.services.taints
        await taints.note(Asking(), Quoted("logs of loud", (LINE,)))
        assert await taints.judged(Asking(), [f"deploy {EVIL} as repair"]) is not None


@pytest.mark.proves("H1")
async def test_the_words_of_an_ai_client_in_the_chat_are_nobodys_own(tmp_path: Path) -> None:
    async with chatting(tmp_path) as talks:
        await talks.say("logs of loud", thread="planner:t1", role="planner")
        heard = await talks.say(f"deploy {EVIL} as repair", thread="planner:t1", role="planner")
        assert (await plan_of(talks, heard)).tainted


@pytest.mark.proves("H1")
async def test_own_words_that_repeat_what_was_read_are_not_own_words_of_an_ai_client(tmp_path: Path) -> None:
    """The person answers for the one request only."""

    class Asking:
        actor = Actor(kind=ActorKind.AGENT, id="planner", on_behalf_of="owner", face="mcp")
        is_person = False
        said = ""

    async with chatting(tmp_path) as talks:
        await talks.say("logs of loud")
        assert not (await plan_of(talks, await talks.say(f"deploy {EVIL} as repair"))).tainted
        assert await talks.house.services.taints.judged(Asking(), [f"deploy {EVIL} as repair"]) is not None
