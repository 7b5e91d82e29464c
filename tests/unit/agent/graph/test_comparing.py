"""Two that are named are compared, without a model, in English and in Korean."""

from pathlib import Path

import pytest

from tests.interaction.house import HUB
from tests.interaction.planner_home import Talks, talking


async def two_workloads(talks: Talks) -> None:
    await talks.deployed("deploy app:1 as web with 2 replicas")
    await talks.deployed("deploy app:2 as api with memory 64Mi")


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        ("compare web and api", ("web (local) | api (local)", "≠ image: app:1 | app:2", "≠ replicas: 2 | 1",
                                 "≠ memory limit: - | 64Mi", "≠ running now: 2 | 1", "CPU used: ")),
        ("web와 api를 비교해 줘", ("≠ 이미지: app:1 | app:2", "≠ 복제본: 2 | 1")),
    ],
)  # fmt: skip
async def test_two_workloads_are_shown_side_by_side(tmp_path: Path, words: str, lines: tuple[str, ...]) -> None:
    async with talking(tmp_path) as talks:
        await two_workloads(talks)
        effects = len(talks.house.effects)
        heard = await talks.say(words)
        assert len(talks.house.effects) == effects
    assert heard.ended.outcome == "answered"
    assert "drift_explain" not in heard.tools
    for line in lines:
        assert line in heard.text


@pytest.mark.parametrize("words", ["what differs between local and prod?", "local과 prod를 비교해 줘"])
async def test_two_targets_are_compared_by_their_workloads(tmp_path: Path, words: str) -> None:
    async with talking(tmp_path) as talks:
        fields = {"id": "prod", "display_name": "Prod", "backend_type": "sim", "agent_endpoint": "sim://prod"}
        await talks.house.services.places.add(fields, HUB)
        await talks.deployed("deploy app:1 as web with 2 replicas")
        heard = await talks.say(words)
    assert "web (local) | web (prod)" in heard.text
    assert "no web on prod" in heard.text or "prod에는 web" in heard.text


async def test_one_that_is_named_is_compared_with_what_it_should_be(tmp_path: Path) -> None:
    async with talking(tmp_path) as talks:
        await talks.deployed("deploy app:1 as web with 2 replicas")
        assert (await talks.say("compare web")).tools == ["drift_explain"]
