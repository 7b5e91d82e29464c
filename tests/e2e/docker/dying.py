"""A process that makes one step on an engine and dies, without a word, after a chosen one of its calls.

    python -m tests.e2e.docker.dying ADDRESS ORDER DIE_AFTER

ORDER is JSON: kind, name, op, key, after, found. DIE_AFTER 0 lets it live. Prints how many calls it made.
"""

import asyncio
import json
import os
import signal
import sys

from opstwin.domain.plan import Op
from tests.e2e.docker.spot import driver_at, order_for


async def main(address: str, order: str, die_after: int) -> None:
    calls: list[str] = []

    def count(call: str) -> None:
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
