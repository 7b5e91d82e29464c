"""Each detector about containers: found, not found, and not to be told."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.container_detectors import (
    DETECTORS,
    crash_loop,
    image_missing,
    out_of_memory,
    port_conflict,
    restart_storm,
    unhealthy,
)
from opstwin.domain.diagnosis import Clue, Code, ContainerCase, Doubt, Severity, Verdict
from opstwin.domain.event import Event
from opstwin.domain.resource import Desired, Health, Observed, Presence
from opstwin.domain.values import Json, ResourceId, TargetId

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
LOCAL = TargetId("local")
WEB = ResourceId("local/container/web-1")
OTHER = ResourceId("local/container/other")
ANNA = Actor(kind=ActorKind.PERSON, id="anna")
Detector = Callable[[ContainerCase], Verdict]


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def seen(
    presence: Presence = Presence.PRESENT, health: Health = Health.HEALTHY, spec: dict[str, Json] | None = None,
    **facts: Json,
) -> Observed:  # fmt: skip
    return Observed(
        id=WEB, target=LOCAL, kind="container", name="web-1", presence=presence, health=health, managed=True,
        spec={"image": "app:1", "memory_bytes": None, **(spec or {})}, facts=facts, observed_at=ago(seconds=5),
    )  # fmt: skip


def wish(**spec: Json) -> Desired:
    return Desired(
        id=WEB, target=LOCAL, kind="container", name="web-1", workload="web", spec={"image": "app:1", **spec},
        set_by=ANNA, set_at=ago(days=3),
    )  # fmt: skip


def case(observed: Observed | None = None, **fields: Any) -> ContainerCase:
    given: dict[str, Any] = {"desired": wish(), "image": "app:1", "image_presence": Presence.PRESENT, **fields}
    return ContainerCase(id=WEB, target=LOCAL, name="web-1", now=NOW, observed=observed or seen(), **given)


def events(type: str, *minutes: float, **details: Json) -> list[Event]:
    ordered = sorted(minutes, reverse=True)
    return [
        Event(seq=n + 1, at=ago(minutes=at), type=type, target=LOCAL, resource=WEB, details=details)
        for n, at in enumerate(ordered)
    ]


def clue(verdict: Verdict) -> Clue:
    assert isinstance(verdict, Clue)
    return verdict


def facts(found: Clue) -> dict[str, Json]:
    return {item.fact: item.value for item in found.evidence}


UNKNOWN = seen(Presence.UNKNOWN, Health.UNKNOWN)
GONE = seen(Presence.ABSENT, Health.NONE)


@pytest.mark.parametrize("detector", DETECTORS)
def test_of_a_healthy_container_nothing_is_found(detector: Detector) -> None:
    assert detector(case()) is None


@pytest.mark.parametrize("detector", [crash_loop, out_of_memory, unhealthy, restart_storm, port_conflict])
@pytest.mark.parametrize("observed", [UNKNOWN, None])
def test_of_one_that_nobody_can_see_nothing_can_be_told(detector: Detector, observed: Observed | None) -> None:
    verdict = detector(replace(case(), observed=observed))
    assert isinstance(verdict, Doubt)
    assert verdict.subject == WEB


@pytest.mark.parametrize("detector", [crash_loop, out_of_memory, unhealthy, restart_storm])
def test_of_one_that_is_gone_there_is_nothing_to_find(detector: Detector) -> None:
    dead = events("container.die", 1, 2, 3, exitCode="1")
    assert detector(case(GONE, events=dead)) is None


class TestCrashLoop:
    def test_an_engine_that_waits_to_restart_it_is_evidence_enough(self) -> None:
        found = clue(crash_loop(case(seen(health=Health.UNHEALTHY, state="restarting", restart_count=7, exit_code=3))))
        assert (found.severity, found.words) == (Severity.CRITICAL, "crash_loop")
        assert facts(found) == {"state": "restarting", "restart_count": 7, "exit_code": 3}
        assert (found.values["count"], found.values["code"]) == ("7", "3")
        assert {item.at for item in found.evidence} == {ago(seconds=5)}

    def test_three_deaths_within_half_an_hour_are_one_also_while_it_runs(self) -> None:
        dead = events("container.die", 2, 12, 25, exitCode="1")
        found = clue(crash_loop(case(events=dead)))
        assert found.since == ago(minutes=25)
        assert [item.source for item in found.evidence if item.fact == "container.die"] == [
            "event 1", "event 2", "event 3",
        ]  # fmt: skip
        assert found.values["code"] == "1"

    def test_restarts_that_were_counted_with_a_fresh_start_are_one(self) -> None:
        fresh = seen(restart_count=3, started_at=ago(minutes=1).isoformat())
        assert clue(crash_loop(case(fresh))).words == "crash_loop_silent"

    @pytest.mark.parametrize(
        "observed",
        [seen(restart_count=3, started_at=ago(hours=1).isoformat()), seen(restart_count=2, started_at=NOW.isoformat())],
        ids=["long ago", "few"],
    )
    def test_old_or_few_restarts_are_none(self, observed: Observed) -> None:
        assert crash_loop(case(observed)) is None

    def test_deaths_that_somebody_caused_do_not_count(self) -> None:
        dead = events("container.die", 2, 12, 25, exitCode="143")
        stops = [replace(item, type="container.stop", at=item.at + timedelta(seconds=1)) for item in dead]
        assert crash_loop(case(events=[*dead, *stops])) is None

    def test_deaths_while_opstwin_worked_there_do_not_count(self) -> None:
        dead = events("container.die", 2, 12, 25, exitCode="1")
        assert crash_loop(case(events=dead, ours=[(ago(minutes=13), ago(minutes=1))])) is None

    def test_a_job_that_ends_well_again_and_again_is_none(self) -> None:
        assert crash_loop(case(events=events("container.die", 2, 12, 25, exitCode="0"))) is None

    @pytest.mark.parametrize(("code", "meaning"), [(137, " (SIGKILL)"), (127, " (program not found)"), (3, "")])
    def test_well_known_exit_codes_are_explained(self, code: int, meaning: str) -> None:
        found = clue(crash_loop(case(seen(state="restarting", restart_count=1, exit_code=code))))
        assert found.values["meaning"] == meaning

    def test_an_error_at_the_start_is_evidence(self) -> None:
        found = clue(crash_loop(case(seen(state="restarting", start_error="no such file", exit_code=127))))
        assert facts(found)["start_error"] == "no such file"


class TestOutOfMemory:
    def test_the_engines_flag_is_evidence_with_the_limit(self) -> None:
        observed = seen(spec={"memory_bytes": 64 << 20}, oom_killed=True, exit_code=137)
        found = clue(out_of_memory(case(observed)))
        assert (found.severity, found.words) == (Severity.CRITICAL, "out_of_memory")
        assert facts(found) == {"oom_killed": True, "exit_code": 137, "memory_bytes": 64 << 20}
        assert found.values["limit"] == "64 MiB"

    def test_a_kill_is_told_also_after_the_engine_restarted_it_and_forgot(self) -> None:
        found = clue(out_of_memory(case(events=events("container.oom", 3, 7))))
        assert (found.since, found.values["count"]) == (ago(minutes=7), "2")
        assert found.words == "out_of_memory_unlimited"

    def test_hours_later_it_is_a_warning(self) -> None:
        assert clue(out_of_memory(case(events=events("container.oom", 300)))).severity is Severity.WARNING

    @pytest.mark.parametrize("minutes", [25 * 60, 4 * 24 * 60])
    def test_a_kill_of_another_day_is_not_told(self, minutes: float) -> None:
        assert out_of_memory(case(events=events("container.oom", minutes))) is None

    def test_a_kill_before_the_last_change_of_what_should_be_is_not_told(self) -> None:
        changed = replace(wish(), set_at=ago(minutes=5))
        assert out_of_memory(case(desired=changed, events=events("container.oom", 10))) is None
        assert out_of_memory(case(desired=changed, events=events("container.oom", 4))) is not None

    def test_being_killed_without_the_flag_is_no_proof(self) -> None:
        assert out_of_memory(case(seen(exit_code=137, oom_killed=False))) is None

    def test_an_event_tells_it_also_while_the_container_cannot_be_seen(self) -> None:
        assert isinstance(out_of_memory(case(UNKNOWN, events=events("container.oom", 3))), Clue)


class TestUnhealthy:
    def test_a_failing_check_is_told_with_what_it_wrote(self) -> None:
        check: Json = {"command": ["/check"]}
        observed = seen(health=Health.UNHEALTHY, spec={"health": check}, state="running", health_output="no route")
        turned = events("resource.health", 4)
        found = clue(unhealthy(case(observed, events=turned)))
        assert facts(found) == {"health": "unhealthy", "health_output": "no route", "health.command": ["/check"]}
        assert found.since == ago(minutes=4)

    @pytest.mark.parametrize("health", [Health.HEALTHY, Health.STARTING, Health.STOPPED, Health.NONE])
    def test_anything_else_is_not(self, health: Health) -> None:
        assert unhealthy(case(seen(health=health))) is None

    def test_one_that_crashes_is_not_called_unhealthy_as_well(self) -> None:
        assert unhealthy(case(seen(health=Health.UNHEALTHY, state="restarting"))) is None


class TestRestartStorm:
    def test_five_starts_in_ten_minutes_that_are_not_ours(self) -> None:
        found = clue(restart_storm(case(events=events("container.start", 1, 2, 3, 4, 5))))
        assert (found.severity, found.since, found.values["count"]) == (Severity.WARNING, ago(minutes=5), "5")

    def test_four_are_none(self) -> None:
        assert restart_storm(case(events=events("container.start", 1, 2, 3, 4))) is None

    def test_starts_of_an_execution_are_none(self) -> None:
        starts = events("container.start", 1, 2, 3, 4, 5)
        assert restart_storm(case(events=starts, ours=[(ago(minutes=6), NOW)])) is None

    def test_starts_after_crashes_are_a_crash_loop_and_no_storm(self) -> None:
        crashes = events("container.die", 1, 2, 3, 4, 5, exitCode="1")
        looping = case(events=[*crashes, *events("container.start", 1, 2, 3, 4, 5)])
        assert restart_storm(looping) is None
        assert crash_loop(looping) is not None


class TestImageMissing:
    def test_a_container_that_should_be_made_cannot_be(self) -> None:
        found = clue(image_missing(case(GONE, image_presence=Presence.ABSENT)))
        assert (found.severity, found.words) == (Severity.CRITICAL, "image_missing")
        assert facts(found) == {"image": "app:1", "image on target": "absent"}

    def test_one_that_runs_could_not_be_made_again(self) -> None:
        found = clue(image_missing(case(image_presence=Presence.ABSENT)))
        assert (found.severity, found.words) == (Severity.NOTICE, "image_missing_runs")

    def test_one_that_runs_another_image_has_lost_none(self) -> None:
        found = clue(image_missing(case(image_presence=Presence.ABSENT, runs_another=True)))
        assert (found.severity, found.words) == (Severity.NOTICE, "image_missing_wanted")

    @pytest.mark.parametrize("presence", [None, Presence.UNKNOWN])
    def test_where_nobody_looked_nothing_can_be_told(self, presence: Presence | None) -> None:
        verdict = image_missing(case(GONE, image_presence=presence))
        assert isinstance(verdict, Doubt)
        assert verdict.code is Code.IMAGE_MISSING

    def test_an_image_that_is_there_or_that_nobody_wants_is_none(self) -> None:
        assert image_missing(case(GONE)) is None
        assert image_missing(case(desired=None, image_presence=Presence.ABSENT)) is None
        assert image_missing(case(desired=replace(wish(), spec=None), image_presence=Presence.ABSENT)) is None


class TestPortConflict:
    def test_the_holder_of_its_port_is_named(self) -> None:
        found = clue(port_conflict(case(GONE, holders=[("8080/tcp", OTHER)])))
        assert facts(found) == {"port 8080/tcp": OTHER}
        assert (found.values["port"], found.values["holder"]) == ("8080/tcp", "other")

    @pytest.mark.parametrize(
        "said", ["Bind for 0.0.0.0:8080 failed: port is already allocated", "listen: Address already in use"]
    )
    def test_the_engines_own_words_are_enough(self, said: str) -> None:
        found = clue(port_conflict(case(seen(health=Health.STOPPED, state="created", start_error=said))))
        assert (found.words, facts(found)["start_error"]) == ("port_conflict_outside", said)

    def test_another_error_at_the_start_is_none(self) -> None:
        assert port_conflict(case(seen(health=Health.STOPPED, start_error="exec: no such file"))) is None

    def test_one_that_runs_has_its_ports(self) -> None:
        assert port_conflict(case(holders=[("8080/tcp", OTHER)])) is None
