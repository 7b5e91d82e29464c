"""What an engine says, taken apart."""

import json
import struct
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opstwin.domain.resource import Health
from opstwin.domain.values import TargetId
from opstwin.targets.docker.frames import MAX_LINE_BYTES, Frames, JsonLines, LogLines, RawStream
from opstwin.targets.docker.marks import marks_of
from opstwin.targets.docker.sightings import health_of, moment
from opstwin.targets.docker.usage import Counters, between, counters_of
from opstwin.targets.docker.watching import events_of

HERE = TargetId("here")


def frame(kind: int, payload: bytes) -> bytes:
    return struct.pack(">BxxxL", kind, len(payload)) + payload


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    marks = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(marks)]


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=40))), st.lists(st.integers(0, 10_000)))
def test_frames_come_out_whole_however_the_stream_is_cut(frames: list[tuple[int, bytes]], places: list[int]) -> None:
    data = b"".join(frame(kind, payload) for kind, payload in frames)
    parser = Frames()
    found = [item for piece in cut(data, places) for item in parser.feed(piece)]
    assert found == [({1: "stdout", 2: "stderr"}[kind], payload) for kind, payload in frames]


@given(st.lists(st.dictionaries(st.text(max_size=5), st.integers())), st.lists(st.integers(0, 10_000)))
def test_json_lines_come_out_whole_however_the_stream_is_cut(items: list[dict[str, int]], places: list[int]) -> None:
    data = b"".join(json.dumps(item).encode() + b"\n" for item in items)
    parser = JsonLines()
    assert [item for piece in cut(data, places) for item in parser.feed(piece)] == items


def test_json_lines_leave_out_what_is_no_object() -> None:
    assert list(JsonLines().feed(b'nonsense\n[1]\n\n{"a": 1}\n')) == [{"a": 1}]


def lines_of(*pieces: bytes, stream: str = "stdout") -> list[tuple[datetime | None, str]]:
    lines = LogLines()
    found = [line for piece in pieces for line in lines.feed(stream, piece)]
    return [(line.at, line.text) for line in [*found, *lines.rest()]]


def test_a_line_in_several_pieces_is_one_line_with_the_first_moment() -> None:
    found = lines_of(b"2026-01-05T09:00:00.123456789Z start ", b"2026-01-05T09:00:01Z end\n")
    assert found == [(datetime(2026, 1, 5, 9, 0, 0, 123456, tzinfo=UTC), "start end")]


@pytest.mark.parametrize(
    ("piece", "text"),
    [
        (b"no stamp\n", "no stamp"),
        (b"2026-13-45T99:00:00Z odd\n", "2026-13-45T99:00:00Z odd"),
        (b"2026-01-05T09:00:00Z \xff\xfe\n", "\ufffd\ufffd"),
        (b"2026-01-05T09:00:00Z \n", ""),
        (b"2026-01-05T09:00:00Z tab\tcr\r\n", "tab\tcr"),
        (b"2026-01-05T09:00:00Z \x1b[31mred\n", "\x1b[31mred"),
    ],
)
def test_a_line_is_taken_as_it_is(piece: bytes, text: str) -> None:
    assert [found for _, found in lines_of(piece)] == [text]


def test_a_line_without_an_end_is_cut_and_not_held_for_ever() -> None:
    lines = LogLines()
    found = [line for _ in range(100) for line in lines.feed("stdout", b"x" * 16384)]
    assert {len(line.text) for line in found} == {MAX_LINE_BYTES}


def test_streams_do_not_mix() -> None:
    lines = LogLines()
    assert list(lines.feed("stdout", b"out ")) == []
    assert [line.text for line in lines.feed("stderr", b"err\n")] == ["err"]
    assert [line.text for line in lines.feed("stdout", b"more\n")] == ["out more"]


def test_a_terminals_stream_is_split_at_line_ends() -> None:
    assert list(RawStream().feed(b"one\r\ntwo")) == [("stdout", b"one\r\n"), ("stdout", b"two")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-21T00:07:15.123456789Z", "2026-11-21T00:07:15.123456+00:00"),
        ("2026-11-21T09:07:15+09:00", "2026-11-21T00:07:15+00:00"),
        (1795222903, "2026-11-21T01:01:43+00:00"),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
        (None, None),
        ("yesterday", None),
    ],
)
def test_moments_of_an_engine(text: object, expected: str | None) -> None:
    assert moment(text) == expected


@pytest.mark.parametrize(
    ("state", "health"),
    [
        ({"Running": True}, Health.HEALTHY),
        ({"Running": True, "Health": {"Status": "none"}}, Health.HEALTHY),
        ({"Running": True, "Health": {"Status": "starting"}}, Health.STARTING),
        ({"Running": True, "Health": {"Status": "unhealthy"}}, Health.UNHEALTHY),
        ({"Running": True, "Restarting": True}, Health.UNHEALTHY),
        ({"Running": True, "Paused": True}, Health.UNHEALTHY),
        ({"Running": False, "Health": {"Status": "healthy"}}, Health.STOPPED),
        ({}, Health.STOPPED),
    ],
)
def test_how_a_container_does(state: dict[str, Any], health: Health) -> None:
    assert health_of({"State": state}) is health


def stats(cpu_ns: int, memory: dict[str, Any], read: str = "2026-01-05T09:00:00Z") -> dict[str, Any]:
    return {"read": read, "cpu_stats": {"cpu_usage": {"total_usage": cpu_ns}}, "memory_stats": memory}


@pytest.mark.parametrize(
    ("memory", "in_use"),
    [
        ({"usage": 100, "stats": {"total_inactive_file": 30, "inactive_file": 5}}, 70),
        ({"usage": 100, "stats": {"inactive_file": 30}}, 70),
        ({"usage": 100, "stats": {}}, 100),
        ({"usage": 100, "stats": {"inactive_file": 300}}, 100),
        ({"usage": 100}, 100),
    ],
    ids=["cgroup v1", "cgroup v2", "no details", "more cache than use", "none"],
)
def test_memory_in_use_leaves_out_the_cache_that_can_be_dropped(memory: dict[str, Any], in_use: int) -> None:
    found = counters_of(stats(1, memory))
    assert found is not None
    assert found.memory_bytes == in_use


@pytest.mark.parametrize("answer", [{}, stats(0, {}), stats(0, {"usage": 1}, read="0001-01-01T00:00:00Z")])
def test_a_stopped_container_has_no_counters(answer: dict[str, Any]) -> None:
    assert counters_of(answer) is None


def test_cpu_is_the_share_of_the_time_between_two_readings() -> None:
    start = datetime(2026, 1, 5, tzinfo=UTC)
    before = Counters(at=start, cpu_ns=1_000_000_000, memory_bytes=1)
    after = Counters(at=start + timedelta(seconds=2), cpu_ns=2_000_000_000, memory_bytes=7)
    reading = between(before, after)
    assert (reading.cpu_millicores, reading.memory_bytes, reading.at) == (500.0, 7, after.at)
    assert between(after, after).cpu_millicores == 0
    assert between(after, Counters(at=start + timedelta(seconds=3), cpu_ns=5, memory_bytes=1)).cpu_millicores == 0


def event(kind: str, action: str, name: str, id: str = "abc", **attributes: str) -> dict[str, Any]:
    return {
        "Type": kind, "Action": action, "Actor": {"ID": id, "Attributes": {"name": name, **attributes}},
        "timeNano": 1_795_222_903_808_158_888,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (event("container", "die", "web-1", exitCode="1"), [("here/container/web-1", "container.die")]),
        (event("container", "oom", "web-1"), [("here/container/web-1", "container.oom")]),
        (event("container", "health_status: healthy", "web-1"), [("here/container/web-1", "container.health_status")]),
        (event("volume", "create", "", id="data"), [("here/volume/data", "volume.create")]),
        (event("image", "tag", "nginx"), [("here/image/nginx:latest", "image.tag")]),
        (event("image", "untag", "sha256:12"), [(None, "image.untag")]),
        (event("container", "exec_create: /bin/true", "web-1"), []),
        (event("container", "exec_die", "web-1"), []),
        (event("container", "create", "web-1.opstwin-next"), []),
        (event("volume", "create", "", id="web-1.opstwin-restart"), []),
        (event("plugin", "enable", "x"), []),
        ({}, []),
        ({"Type": "container", "Action": "die", "Actor": {"ID": "", "Attributes": None}}, []),
    ],
)  # fmt: skip
def test_events_are_translated_and_noise_is_dropped(item: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert [(found.resource, found.type) for found in events_of(HERE, item)] == expected


def test_an_event_keeps_what_explains_it_and_no_labels() -> None:
    [found] = events_of(HERE, event("container", "die", "web-1", exitCode="137", image="x:1", password="hunter2"))
    assert found.details == {"exitCode": "137", "image": "x:1", "id": "abc"}
    assert found.at == datetime(2026, 11, 21, 1, 1, 43, 808158, tzinfo=UTC)


def test_a_rename_tells_of_both_names_but_of_no_half() -> None:
    both = list(events_of(HERE, event("container", "rename", "new", oldName="/old")))
    assert [item.resource for item in both] == ["here/container/new", "here/container/old"]
    taken = list(events_of(HERE, event("container", "rename", "web-1", oldName="/web-1.opstwin-next")))
    assert [item.resource for item in taken] == ["here/container/web-1"]


@pytest.mark.parametrize(
    ("labels", "managed", "fence"),
    [
        (None, False, 0),
        ({"team": "shop"}, False, 0),
        ({"io.opstwin.step": "x.0"}, False, 0),
        ({"io.opstwin.workload": "web", "io.opstwin.fence": "7"}, True, 7),
        ({"io.opstwin.spec": '{"a": 1}', "io.opstwin.fence": "-1"}, True, 0),
        ({"io.opstwin.spec": "not json", "io.opstwin.fence": "²"}, False, 0),
        ({"io.opstwin.spec": "[1]", "io.opstwin.fence": "9" * 40}, False, 0),
    ],
)
def test_marks_that_cannot_be_read_count_as_none(labels: dict[str, str] | None, managed: bool, fence: int) -> None:
    marks = marks_of(labels)
    assert (marks.managed, marks.fence) == (managed, fence)
