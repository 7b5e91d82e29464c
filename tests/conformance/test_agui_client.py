"""AG-UI's own TypeScript client holds a whole conversation with the hub, and finds nothing that the protocol lacks."""

import asyncio
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from opstwin.agent.events import Said
from opstwin.clock import VirtualClock
from tests.conformance.suite import HERE, PINNED, REQUIRED, node
from tests.interaction.chat_home import ANSWERED, applied, home_with, proposal
from tests.interaction.mcp_house import open_house

PACKAGE = "@ag-ui/client"
SCRIPT = HERE / "agui_client.mjs"


def missing() -> str:
    """Why the client cannot run; empty when it can."""
    home = HERE / "node_modules" / PACKAGE / "package.json"
    if not home.exists() or json.loads(home.read_text(encoding="utf-8"))["version"] != PINNED[PACKAGE]:
        return f"{PACKAGE} {PINNED[PACKAGE]} is not installed: make conformance"
    return "" if node() is not None else "there is no Node for it: make conformance"


async def held(folder: Path) -> dict[str, Any]:
    """The conversation as the client saw it."""
    home = await home_with(folder, VirtualClock(datetime.now(UTC)))  # the client compares expiries with its own clock
    plan = await home.planned()
    home.talk.answers.extend([proposal(plan), [Said(text="Because."), ANSWERED]])
    home.talk.continued.append(applied())
    async with open_house(home.house) as url:
        more = {"URL": url, "TOKEN": home.house.tokens["owner"], "PLAN": plan["id"], "DIGEST": plan["digest"]}
        process = await asyncio.create_subprocess_exec(
            node() or "node", str(SCRIPT), env={**os.environ, **more}, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, err.decode()[-2000:]
    return dict(json.loads(out), plan=plan["id"])


async def test_ag_uis_own_client_holds_a_conversation(tmp_path: Path) -> None:
    if why := missing():
        if os.environ.get(REQUIRED) == "required":
            pytest.fail(why)
        pytest.skip(why)
    told = await held(tmp_path)
    assert told["warned"] == []
    assert [item["id"] for item in told["first"]["waiting"]] == [told["plan"]]
    roles = [role for role, _ in told["first"]["messages"]]
    assert roles == ["user", "assistant", "tool", "activity", "assistant", "assistant"]
    assert told["first"]["state"]["waiting"]["planId"] == told["plan"]
    assert ["assistant", "Because."] in told["asked"]["messages"]
    assert [item["id"] for item in told["asked"]["waiting"]] == [told["plan"]]
    assert told["done"]["waiting"] == []
    assert told["done"]["seen"][-1] == "RUN_FINISHED"
    assert told["done"]["messages"][-1] == ["assistant", "Done and verified."]
