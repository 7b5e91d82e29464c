"""Any sequence of commits, checked against a plain dictionary that follows the same rules."""

import asyncio
import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from opstwin.domain.audit import AuditRow
from opstwin.domain.deployment import UsageSample
from opstwin.domain.records import Record
from opstwin.domain.resource import Desired
from opstwin.errors import Conflict
from opstwin.twin.opening import open_store
from opstwin.twin.store import Put, Remove, Require, Write
from tests.contract.twin_places import AT, LOCAL, checked_audit, desired, everything, write

WRITES = st.lists(
    st.tuples(
        st.sampled_from(["put", "remove", "require"]), st.sampled_from([Desired, UsageSample]), st.integers(0, 3),
        st.sampled_from([0, 0, 0, 0, -1, 1]), st.integers(0, 9),
    ),
    min_size=1, max_size=4,
)  # fmt: skip
"""What to do, to which record, how far off the version is, and a value."""


class Model(RuleBasedStateMachine):
    """The store beside a dictionary; each example has a target of its own in the one database."""

    numbers = itertools.count()
    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.store = self.runner.run(open_store(self.url))
        self.home = f"home-{next(self.numbers)}"
        self.known: dict[tuple[type[Record], str], Any] = {}
        self.audit = len(self.runner.run(everything(self.store, AuditRow)))

    def teardown(self) -> None:
        self.runner.run(self.store.close())
        self.runner.close()

    @rule(asked=WRITES)
    def commit(self, asked: list[tuple[str, Any, int, int, int]]) -> None:
        after = dict(self.known)
        writes: list[Write] = []
        lawful = True
        for what, kind, number, off, value in asked:
            key = (kind, f"{self.home}/{number}")
            before, now = self.known.get(key), after.get(key)
            basis = before if what == "require" else now
            version = max(0, (basis.version if basis else 0) + off)
            lawful = lawful and version == (basis.version if basis else 0) and not (what == "remove" and basis is None)
            record = self.record(kind, key[1], version, value)
            writes.append(Require(kind, key[1], version) if what == "require" else KINDS[what](record))
            if what == "put":
                after[key] = replace(record, version=version + 1)
            elif what == "remove":
                after.pop(key, None)
        try:
            self.runner.run(write(self.store, *writes))
        except Conflict:
            assert not lawful
        else:
            assert lawful
            self.known, self.audit = after, self.audit + 1

    def record(self, kind: Any, id: str, version: int, value: int) -> Any:
        if kind is Desired:
            return desired(id=id, name=id, target=self.home, revision=value, version=version)
        return UsageSample(
            id=id, resource="r", target=LOCAL, workload=self.home, at=AT, cpu_millicores=float(value), memory_bytes=1,
            version=version,
        )  # fmt: skip

    @precondition(lambda self: bool(self.known))
    @rule(data=st.data())
    def read_one(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.known, key=str)))
        assert self.runner.run(self.store.get(*key)) == self.known[key]

    @invariant()
    def the_same_records_are_there(self) -> None:
        found = self.runner.run(everything(self.store, Desired, limit=2, where={"target": self.home}))
        wanted = [record for (kind, _), record in sorted(self.known.items(), key=str) if kind is Desired]
        assert found == sorted(wanted, key=lambda record: record.id)
        samples = self.runner.run(everything(self.store, UsageSample, limit=2, where={"workload": self.home}))
        assert {item.id: item for item in samples} == {
            id: record for (kind, id), record in self.known.items() if kind is UsageSample
        }

    @invariant()
    def the_audit_grew_by_one_row_for_each_commit(self) -> None:
        assert len(self.runner.run(checked_audit(self.store))) == self.audit


KINDS: dict[str, Any] = {"put": Put, "remove": Remove}


@pytest.mark.proves("C4")
def test_no_sequence_of_commits_differs_from_the_model(twin_url: str) -> None:
    machine = type("ModelHere", (Model,), {"url": twin_url, "numbers": itertools.count()})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=15, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
