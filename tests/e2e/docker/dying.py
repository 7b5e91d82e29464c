"""A process that makes one step on an engine and dies, without a word, after a chosen one of its changes.

    python -m tests.e2e.docker.dying ADDRESS ORDER DIE_AFTER

ORDER is JSON: kind, name, op, key, after, found. DIE_AFTER 0 lets it live. Prints how many changing calls it made;
between those the engine's state is the same, so dying there is the same.
"""

import asyncio
import json
import os
import signal
import sys

from opstwin.domain.plan import Op
from tests.e2e.docker.spot import driver_at, order_for

LOOKS = ("container.inspect", "container.list", "image.inspect")


async def main(address: str, order: str, die_after: int) -> None:
    calls: list[str] = []

    def count(call: str) -> None:
        if call.startswith(LOOKS):
            return
        calls.append(call)
        if len(calls) == die_after:
            os.kill(os.getpid(), signal.SIGKILL)

    driver = driver_at(address, on_call=count)
    wanted = json.loads(order)
    step = order_for(
        wanted["kind"], wanted["name"], Op(wanted["op"]), wanted["key"], after=wanted["after"], found=wanted["found"]
    )
    await driver.writer.apply(step)
    await driver.writer.close()
    sys.stdout.write(f"{len(calls)}\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
