"""A turn whose process died is taken up by another one: it decides as if nobody had died, and makes nothing twice."""

from pathlib import Path

import pytest

from opstwin.agent.models.scripted import ScriptedModel, Turn, call, calling
from opstwin.domain.audit import AuditRow
from opstwin.domain.plan import Plan
from opstwin.domain.run import Run
from opstwin.domain.thread import Remark, Thread, with_remarks
from opstwin.targets.scripted_prober import REFUSED
from opstwin.twin.store import Put
from tests.interaction.clustered import clustered
from tests.interaction.house import House
from tests.interaction.planner_home import Heard, Talks, talking
from tests.interaction.test_taint import EVIL, furnished
from tests.unit.agent.graph.dying import dead_behind, dead_in_plan, died

LISTED = "postgres:16"
FILE = f"name: db\nimage: {LISTED}\n"
CONTROLLER = "http://controller.shop.example:18080"
COMPONENTS = f"components:\n  net:\n    use: hub-and-spoke\n    endpoint: {CONTROLLER}\n"
DEPLOY = "deploy app:1 as web with 2 replicas"


async def listed(folder: Path) -> House:
    """A house with an image that nobody uses, and a container whose log gives orders."""
    house = await House(folder).furnish()
    house.world.image(LISTED, exposed=(5432,))
    await furnished(house)
    return house


async def taken_up(folder: Path, house: House) -> tuple[Heard, list[Plan]]:
    """The turn gone on with in another process, whose model is not asked any more; all plans after it."""
    async with talking(folder, ScriptedModel(()), house=house) as talks:
        return await talks.go_on(), await house.services.ledger.all(Plan)


@pytest.mark.proves("H1")
@pytest.mark.parametrize("step", ["converse", "draft", "check"])
@pytest.mark.parametrize(
    ("words", "proposed", "tainted"),
    [
        (f"deploy {LISTED} as db", FILE, False),
        (f"deploy {LISTED} as db", FILE + f"command: [deploy, '{EVIL}']\n", True),
        ("what does loud say?", FILE, True),
    ],
    ids=["their own words", "what a model added", "a question"],
)
async def test_after_a_kill_own_words_count_as_they_did(
    tmp_path: Path, step: str, words: str, proposed: str, tainted: bool
) -> None:
    house = await listed(tmp_path)
    turns: list[Turn] = [
        calling(call("twin_query", kind="image"), call("logs_search", subject="loud")),
        calling(call("plan_create", file=proposed)),
    ]
    await died(house, dead_behind(tmp_path, step), words, ScriptedModel(turns))
    heard, [plan] = await taken_up(tmp_path, house)
    assert (plan.tainted, heard.plan_id) == (tainted, plan.id), plan.taint


@pytest.mark.proves("D7")
@pytest.mark.parametrize("forged", [True, False])
async def test_a_checkpoint_says_of_nobody_what_their_thread_in_the_twin_does_not_have(
    tmp_path: Path, forged: bool
) -> None:
    house, words = await listed(tmp_path), f"deploy {LISTED} as db"
    turns: list[Turn] = [calling(call("twin_query", kind="image")), calling(call("plan_create", file=FILE))]
    await died(house, dead_behind(tmp_path, "check"), words, ScriptedModel(turns))
    now = house.clock.now()
    said = Remark(id="r1", by="user", text="what is there?" if forged else words, at=now)
    thread = Thread(id="owner:t1", owner="owner", name="t1", title="t1", created_at=now, updated_at=now)
    await house.services.ledger.commit([Put(with_remarks(thread, [said]))])
    _, [plan] = await taken_up(tmp_path, house)
    assert plan.tainted is forged


@pytest.mark.parametrize(
    "words",
    [f"bring the network up, it answers at {CONTROLLER}", f"{CONTROLLER} 에 network 를 붙여줄 수 있어?"],
    ids=["en", "ko"],
)
@pytest.mark.parametrize("step", ["", "converse", "check"])
async def test_the_address_that_a_person_wrote_is_asked_with_and_without_a_kill(
    tmp_path: Path, words: str, step: str
) -> None:
    house = await House(tmp_path).furnish()
    model = ScriptedModel([calling(call("plan_create", file=COMPONENTS))])
    if step:
        await died(house, dead_behind(tmp_path, step), words, model)
        await taken_up(tmp_path, house)
    else:
        async with talking(tmp_path, model, house=house) as talks:
            await talks.say(words)
    assert house.prober.asked == [f"{CONTROLLER}/health"]


@pytest.mark.parametrize("words", [f"is {CONTROLLER} up?", f"{CONTROLLER} 살아 있어?"], ids=["en", "ko"])
@pytest.mark.parametrize("killed", [False, True])
async def test_a_question_about_an_address_lets_a_model_have_it_asked(tmp_path: Path, words: str, killed: bool) -> None:
    house = await House(tmp_path).furnish()
    asks = calling(call("discover_endpoint", endpoint=CONTROLLER))
    if killed:
        await died(house, dead_behind(tmp_path, "understand"), words, ScriptedModel([asks]))
    async with talking(tmp_path, ScriptedModel([asks, "It does not answer."]), house=house) as talks:
        heard = await (talks.go_on() if killed else talks.say(words))
    assert heard.tools == ["discover_endpoint"]
    assert house.prober.asked == [CONTROLLER]


async def test_where_nobody_wrote_an_address_a_model_is_not_offered_to_ask_one(tmp_path: Path) -> None:
    model = ScriptedModel([calling(call("discover_endpoint", endpoint=CONTROLLER)), "No."])
    async with talking(tmp_path, model) as talks:
        await talks.say("is redis:7 up?")
        assert talks.house.prober.asked == []
    assert "discover_endpoint" not in {tool.name for tool in model.requests[0].tools}


async def test_an_address_of_an_earlier_remark_may_be_asked_and_one_that_nobody_wrote_may_not(tmp_path: Path) -> None:
    other = COMPONENTS.replace("controller", "attacker")
    turns: list[Turn] = [
        "I see.", calling(call("plan_create", file=other)), "No.", calling(call("plan_create", file=COMPONENTS))
    ]  # fmt: skip
    async with talking(tmp_path, ScriptedModel(turns)) as talks:
        await talks.say(f"our controller is {CONTROLLER}")
        await talks.say("bring the network up somewhere")
        assert talks.house.prober.asked == []
        await talks.say("now bring it up there")
        assert talks.house.prober.asked == [f"{CONTROLLER}/health"]


@pytest.mark.proves("H1")
async def test_the_address_that_an_ai_client_wrote_in_the_chat_is_asked_by_nobody(tmp_path: Path) -> None:
    model = ScriptedModel([calling(call("plan_create", file=COMPONENTS)), "No."])
    async with talking(tmp_path, model) as talks:
        await talks.say(f"bring the network up at {CONTROLLER}", thread="planner:t1", role="planner")
        assert talks.house.prober.asked == []


async def decided(house: House, folder: Path, plan: Plan, what: str) -> None:
    async with talking(folder, house=house) as talks:
        if what in ("approve", "reject"):
            await talks.decide(plan.id, what)
        if what == "more":
            for number in range(21):
                await talks.say(f"deploy app:1 as api{number}", thread=f"owner:o{number}")


OUTCOMES = {"": "waiting", "approve": "applied", "reject": "rejected", "more": "waiting"}


@pytest.mark.proves("A3")
@pytest.mark.parametrize("meanwhile", OUTCOMES)
@pytest.mark.parametrize(
    "proposal",
    [
        None, {"words": DEPLOY}, {"words": "deploy app:1 as web with 3 replicas"},
        {"file": "name: web\nimage: app:1\nreplicas: 2\n"},
    ],
    ids=["no model", "own words", "a model's words", "a file"],
)  # fmt: skip
async def test_a_plan_that_was_made_before_a_kill_is_found_whatever_became_of_it(
    tmp_path: Path, proposal: dict[str, str] | None, meanwhile: str
) -> None:
    house = await House(tmp_path).furnish()
    model = ScriptedModel([calling(call("plan_create", **proposal))]) if proposal else None
    await died(house, dead_in_plan(tmp_path), DEPLOY, model)
    [made] = await house.services.ledger.all(Plan)
    await decided(house, tmp_path, made, meanwhile)
    before = len(await house.services.ledger.all(Plan))
    heard, plans = await taken_up(tmp_path, house)
    assert len(plans) == before
    assert (heard.plan_id, heard.ended.outcome) == (made.id, OUTCOMES[meanwhile])
    created = await house.services.ledger.all(AuditRow, {"subject": made.id})
    assert [row.action for row in created].count("plan.create") == 1
    assert bool(house.effects) is (meanwhile == "approve")


async def test_the_way_back_that_was_planned_before_a_kill_is_not_planned_twice(tmp_path: Path) -> None:
    async with talking(tmp_path) as talks:
        await talks.deployed(DEPLOY)
        house = talks.house
    before = len(await house.services.ledger.all(Plan))
    await died(house, dead_in_plan(tmp_path), "undo")
    heard, plans = await taken_up(tmp_path, house)
    assert len(plans) == before + 1
    assert heard.ended.outcome == "waiting"


async def test_components_that_were_planned_before_a_kill_are_looked_at_again_and_not_planned_twice(
    tmp_path: Path,
) -> None:
    house = await House(tmp_path).furnish()
    model = ScriptedModel([calling(call("plan_create", file=COMPONENTS))])
    house.prober.answers[f"{CONTROLLER}/health"] = REFUSED
    await died(house, dead_in_plan(tmp_path), f"bring the network up at {CONTROLLER}", model)
    [made] = await house.services.ledger.all(Plan)
    heard, [plan] = await taken_up(tmp_path, house)
    assert (heard.plan_id, plan.digest) == (made.id, made.digest)


@pytest.mark.parametrize("proposal", [{"words": "deploy app:1 as shop on prod"}, {"source": "web"}, {"file": FILE}])
async def test_a_run_that_a_model_asked_for_before_a_kill_is_not_made_twice(
    tmp_path: Path, proposal: dict[str, str]
) -> None:
    async with clustered(tmp_path) as home:
        async with talking(tmp_path, house=home.house) as talks:
            await talks.deployed(f"{DEPLOY} on local")
        before = len(await home.house.services.ledger.all(Plan))
        model = ScriptedModel([calling(call("run_create", target="prod", **proposal))])
        await died(home.house, dead_in_plan(tmp_path), "bring this to the cluster please", model)
        heard, plans = await taken_up(tmp_path, home.house)
        [run] = await home.house.services.ledger.all(Run)
    assert len(plans) == before + 1
    assert (heard.plan_id, heard.ended.outcome) == (run.plan_id, "waiting")


async def test_two_turns_that_ask_for_the_same_at_one_moment_make_a_plan_each(tmp_path: Path) -> None:
    async with talking(tmp_path) as talks:
        first, second = await talks.say(DEPLOY), await talks.say(DEPLOY)
        third = await talks.say(DEPLOY, thread="owner:t2")
    assert len({first.plan_id, second.plan_id, third.plan_id}) == 3


async def test_a_new_turn_after_a_kill_is_not_given_the_plan_of_the_one_that_died(tmp_path: Path) -> None:
    house = await House(tmp_path).furnish()
    await died(house, dead_in_plan(tmp_path), DEPLOY)
    async with talking(tmp_path, house=house) as talks:
        heard = await Talks(house, talks.talk).say("deploy app:1 as api")
    [first] = [plan for plan in await house.services.ledger.all(Plan) if plan.id != heard.plan_id]
    assert "web" in first.request
