"""A process that commits and says what was acknowledged, one line each, until it is killed or done.

    python committer.py URL PREFIX COUNT
    python committer.py URL nursery

The first form writes `ok NUMBER AUDIT_SEQ` for each commit, or `failed NUMBER CAUSE SEEN SHOWN`, where SEEN is the
newest record that can still be read and SHOWN whether the failed one can. The second starts such a process for each
prefix it reads, from a process that has loaded everything already: it writes `child PID`, and `gone` when it has ended.
"""

import asyncio
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import opstwin.twin.sql  # noqa: F401 - loaded here, so that forked processes need not
from opstwin.domain.event import Event
from opstwin.domain.resource import Desired
from opstwin.errors import StoreError
from opstwin.twin.opening import open_store
from opstwin.twin.store import Put, Query
from tests.contract.twin_places import AT, desired, entry, write

PADDING = "x" * 4000
"""Makes the log long enough to be folded back into the database while we run."""


async def commit_and_say(url: str, prefix: str, count: int) -> None:
    store = await open_store(url)
    for number in range(count):
        record = desired(f"{prefix}-{number:06d}", spec={"padding": PADDING, "number": number})
        event = Event(at=AT, type="committed", message=record.name)
        try:
            receipt = await write(store, Put(record), audit=[entry(details={"id": record.id})], events=[event])
        except StoreError as error:
            page = await store.find(Query(Desired, newest_first=True, limit=1))
            seen = page.items[0].name if page.items else "-"
            say("failed", number, error.details["cause"], seen, await store.get(Desired, record.id) is not None)
        else:
            say("ok", number, receipt.audit_seq)
    await store.close()


def nursery(url: str) -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            asyncio.run(commit_and_say(url, line.strip(), 1_000_000))
            os._exit(1)
        say("child", child)
        os.waitpid(child, 0)
        say("gone")


def say(*words: object) -> None:
    # One write for one line: a pipe takes it whole or, when we are killed before, not at all.
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


if __name__ == "__main__":
    if sys.argv[2] == "nursery":
        nursery(sys.argv[1])
    else:
        asyncio.run(commit_and_say(sys.argv[1], sys.argv[2], int(sys.argv[3])))
