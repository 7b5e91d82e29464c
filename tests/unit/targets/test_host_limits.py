"""What holds a command on the host to its limits, as far as it can be seen without one."""

import asyncio
import os
import struct
from pathlib import Path

import pytest

from opstwin.errors import Rejected
from opstwin.targets.host.limits import ControlGroup, Limits, resident_bytes
from opstwin.targets.host.seccomp import REFUSED, program
from opstwin.targets.kept_output import FLOOD_BYTES, KeptOutput
from opstwin.targets.surely import attended, surely


def unified(root: Path, path: str) -> Path:
    """A tree as version 2 of control groups shows it, with the hub in `path`."""
    (root / "cgroup.controllers").write_text("cpu memory pids")
    (root / path.lstrip("/")).mkdir(parents=True, exist_ok=True)
    own = root / "own"
    own.write_text(f"0::{path}\n")
    return own


@pytest.mark.parametrize(
    ("path", "parent"),
    [("/system.slice/opstwin.service/hub", "system.slice/opstwin.service"), ("/hub", "opstwin"), ("/", "opstwin")],
)
def test_in_version_2_the_group_lies_beside_the_hubs_own_or_below_the_root(
    tmp_path: Path, path: str, parent: str
) -> None:
    own = unified(tmp_path, path)
    limits = Limits(memory_bytes=1000, processes=7)
    group = ControlGroup.made(limits, tmp_path, own)
    assert group is not None
    [folder] = (tmp_path / parent).glob("opstwin-exec-*")
    assert (folder / "memory.max").read_text() == "1000"
    assert (folder / "pids.max").read_text() == "7"
    assert (tmp_path / parent / "cgroup.subtree_control").read_text() == "+memory +pids"
    group.take(4242)
    assert (folder / "cgroup.procs").read_text() == "4242"


def test_where_no_group_may_be_made_there_is_none(tmp_path: Path) -> None:
    assert ControlGroup.made(Limits(), tmp_path, tmp_path / "no-such-file") is None


def test_groups_of_hubs_that_are_gone_are_removed(tmp_path: Path) -> None:
    own = unified(tmp_path, "/")
    (tmp_path / "opstwin" / "opstwin-exec-999999999-abc").mkdir(parents=True, exist_ok=True)
    mine = tmp_path / "opstwin" / f"opstwin-exec-{os.getpid()}-abc"
    mine.mkdir()
    assert ControlGroup.made(Limits(), tmp_path, own) is not None
    assert not (tmp_path / "opstwin" / "opstwin-exec-999999999-abc").exists()
    assert mine.exists()


def test_the_memory_of_a_process_is_counted_with_its_children() -> None:
    own = resident_bytes(os.getpid())
    assert own > 10 * 1024 * 1024
    assert resident_bytes(os.getppid()) >= own


def ran(code: bytes, number: int, machine: int, argument: int = 0) -> int:
    """What a filter answers to a system call: the kernel's machine for it, as far as the filter uses it."""
    data = struct.pack("<IIQQ", number, machine, 0, argument) + bytes(40)
    steps = [struct.unpack_from("<HBBI", code, place) for place in range(0, len(code), 8)]
    place, value = 0, 0
    while True:
        what, yes, no, constant = steps[place]
        place += 1
        if what == 0x20:
            value = struct.unpack_from("<I", data, constant)[0]
        elif what == 0x06:
            return int(constant)
        else:
            met = {0x15: value == constant, 0x35: value >= constant, 0x45: bool(value & constant)}[what]
            place += yes if met else no


ALLOWED, REFUSAL, KILLED, UNKNOWN = 0x7FFF0000, 0x00050001, 0x80000000, 0x00050026


@pytest.mark.proves("I6")
@pytest.mark.parametrize(
    ("name", "machine", "column", "clone", "clone3", "socket"),
    [("x86_64", 0xC000003E, 0, 56, 435, 41), ("aarch64", 0xC00000B7, 1, 220, 435, 198)],
)
def test_the_filter_refuses_what_leads_out_and_lets_ordinary_calls_pass(
    name: str, machine: int, column: int, clone: int, clone3: int, socket: int
) -> None:
    code = program(name)
    for call, numbers in REFUSED.items():
        assert ran(code, numbers[column], machine) == REFUSAL, call
    refused = {numbers[column] for numbers in REFUSED.values()}
    for number in (0, 1, 2, 3, 59, 60, 63, 64, 93, 221, 257, 293):
        if number not in {*refused, clone, socket, 172, 173}:
            assert ran(code, number, machine) == ALLOWED, number
    assert ran(code, clone, machine, 17) == ALLOWED
    for flag in (0x20000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000):
        assert ran(code, clone, machine, flag | 17) == REFUSAL
    assert ran(code, clone3, machine) == UNKNOWN
    assert [ran(code, socket, machine, family) for family in (2, 10, 16)] == [ALLOWED] * 3
    assert {ran(code, socket, machine, family) for family in (0, 1, 17, 38, 40)} == {REFUSAL}
    assert ran(code, 1, 0x40000003) == KILLED, "a call of another machine's form"
    if name == "x86_64":
        assert ran(code, 0x40000000 | 1, machine) == REFUSAL


def test_there_is_no_sandbox_on_a_processor_without_a_filter() -> None:
    with pytest.raises(Rejected, match="riscv64"):
        program("riscv64")


def test_each_stream_keeps_its_beginning_and_a_flood_is_told() -> None:
    out = KeptOutput(4)
    out.add("stdout", b"abc")
    assert (out.stdout, out.is_cut, out.is_flood) == ("abc", False, False)
    out.add("stdout", b"def")
    out.add("stderr", "é…".encode())
    assert (out.stdout, out.stderr[0], out.is_cut) == ("abcd", "é", True)
    out.add("stderr", bytes(FLOOD_BYTES))
    assert out.is_flood


async def test_work_is_finished_before_its_cancelled_caller_goes() -> None:
    begun, done = asyncio.Event(), asyncio.Event()

    async def work(gone: asyncio.Event) -> str:
        begun.set()
        await gone.wait()
        await asyncio.sleep(0)
        done.set()
        return "never seen"

    asked = asyncio.create_task(attended(work))
    await begun.wait()
    asked.cancel()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert done.is_set()


async def test_what_the_work_raises_is_raised() -> None:
    async def work() -> None:
        raise Rejected("no")

    with pytest.raises(Rejected):
        await surely(work())
