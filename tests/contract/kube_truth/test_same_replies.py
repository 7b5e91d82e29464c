"""The fake replies to the same requests as the real server does: code, document, causes, field owners."""

import pytest

from tests.contract.kube_truth.conftest import Both
from tests.contract.kube_truth.stories import STORIES
from tests.contract.kube_truth.telling import Say, told


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES.keys())
async def test_the_fake_replies_as_the_real_server_does(both: Both, story: list[Say]) -> None:
    real, fake = await both.each(lambda server: told(server.client, server.namespace, story))

    for say, is_real, is_fake in zip(story, real, fake, strict=True):
        assert is_fake == is_real, f"{say.method} {say.path} {say.query}"
