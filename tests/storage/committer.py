"""A process that commits and says what was acknowledged, one line each, until it is killed or done.

    python committer.py URL PREFIX COUNT

It writes `ready`, then for each commit `ok NUMBER AUDIT_SEQ`, or `failed NUMBER CAUSE SEEN` where SEEN is the number of
the newest record that can still be read.
"""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from opstwin.domain.event import Event
from opstwin.domain.resource import Desired
from opstwin.errors import StoreError
from opstwin.twin.opening import open_store
from opstwin.twin.store import Put, Query
from tests.contract.twin_places import AT, desired, entry, write

PADDING = "x" * 4000
"""Makes the log long enough to be folded back into the database while we run."""


async def main(url: str, prefix: str, count: int) -> None:
    store = await open_store(url)
    say("ready")
    for number in range(count):
        record = desired(f"{prefix}-{number:06d}", spec={"padding": PADDING, "number": number})
        event = Event(at=AT, type="committed", message=f"{prefix}-{number:06d}")
        try:
            receipt = await write(store, Put(record), audit=[entry(details={"id": record.id})], events=[event])
        except StoreError as error:
            page = await store.find(Query(Desired, newest_first=True, limit=1))
            seen = page.items[0].name if page.items else "-"
            say("failed", number, error.details["cause"], seen, await store.get(Desired, record.id) is not None)
        else:
            say("ok", number, receipt.audit_seq)
    await store.close()


def say(*words: object) -> None:
    print(*words, flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
