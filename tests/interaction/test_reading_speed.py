"""The budget of a question about a large twin. Processor time is counted: a busy machine must not fail a test."""

import time
from pathlib import Path

from opstwin.twin.opening import open_store
from tests.interaction.crowd import Crowd
from tests.interaction.house import House
from tests.interaction.reading_model import Model

RESOURCES = 5000
CALLS = 60
P95_S = 0.050


async def test_a_question_about_5000_resources_costs_less_than_50_ms(tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path / 'twin.db'}")
    model = Model(await House(tmp_path, store=store).furnish())
    await Crowd(RESOURCES, targets=10, unhealthy_every=50).settle(model.house.services.ledger)
    assert (await model.brief("twin_query", kind="container"))["counts"]["kind"] == {"container": RESOURCES}
    spent: list[float] = []
    for _ in range(CALLS):
        began_s = time.process_time()
        await model.both("twin_query")
        spent.append(time.process_time() - began_s)
    await store.close()
    assert sorted(spent)[int(CALLS * 0.95) - 1] < P95_S
