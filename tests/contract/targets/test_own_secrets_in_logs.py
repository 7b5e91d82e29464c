"""What a container was given as a secret stands in no line that a driver gives of its log."""

from contextlib import aclosing

import pytest

from tests.contract.targets.engines import Can, Place
from tests.contract.targets.steps import created
from tests.contract.targets.test_target_streams import collected

SECRET = "c4n4ry-own-Hn52"


@pytest.mark.needs(Can.BARE)
@pytest.mark.proves("J1")
@pytest.mark.parametrize("follow", [False, True])
async def test_a_log_is_without_the_secrets_of_who_wrote_it(place: Place, follow: bool) -> None:
    item = await created(place, env={"DATABASE": f"postgres://shop:{SECRET}@db/shop", "MODE": "calm"})
    place.hands.say(item.name, f"connecting with {SECRET} in mode calm")
    async with aclosing(place.driver.reader.logs(item.resource, tail=1, follow=follow)) as lines:  # type: ignore[type-var]
        assert await collected(lines, 1) == ["connecting with *** in mode calm"]
