"""docs/approvals.md: who, what and how long, as the code has it."""

import re

from opstwin.control.judging import MEMORY
from opstwin.control.modes import LONGEST_MANDATE
from opstwin.control.people import AGENT_SCOPES
from opstwin.domain.access import Scope
from opstwin.domain.approval import SOLO, TWO_PERSON
from opstwin.domain.healing import FIRST_PAUSE, FLIP_WINDOW, LONGEST_PAUSE, MAX_FLIPS, MAX_HEALS
from opstwin.domain.plan import Risk
from opstwin.domain.risk import MANY_CHANGES, REMOVED_SHARE
from opstwin.domain.target import Mode, Target
from opstwin.settings import Settings
from opstwin.tools.all_tools import REGISTRY
from tests.docs.pages import page

PAGE = page("docs/approvals.md")


def test_the_policy_table_says_who_may_approve_and_for_how_long() -> None:
    rows = {row[0].strip("`"): row[1:] for row in PAGE.table("Who must approve")}
    assert list(rows) == [risk.value for risk in Risk]
    for risk in Risk:
        two, solo, minutes = rows[risk.value]
        assert ("other than the requester" in two) is not TWO_PERSON[risk].self_approval
        assert ("other than the requester" in solo) is not SOLO[risk].self_approval
        assert minutes == f"{TWO_PERSON[risk].expires_s / 60:.0f} minutes"
        assert SOLO[risk].expires_s == TWO_PERSON[risk].expires_s
        assert "one person" in two or f"{TWO_PERSON[risk].approvals} people" in two


def test_the_default_policy_is_the_one_the_page_names() -> None:
    assert f"`{Settings.model_fields['policy'].default}` is the default" in PAGE.text


def test_every_risk_has_its_rules() -> None:
    rows = PAGE.table("What counts as risk")
    assert {row[0].strip("`") for row in rows} == {risk.value for risk in Risk}
    told = " ".join(row[1] for row in rows)
    assert f"{MANY_CHANGES} or more changes" in told
    assert REMOVED_SHARE == 0.5
    assert "half or more of the containers" in told
    assert MEMORY.total_seconds() == 3600
    assert "within the last hour" in told


def test_healing_ends_and_stops_when_the_page_says() -> None:
    told = PAGE.section("Healing without asking")
    assert f"at most {LONGEST_MANDATE.days} days" in told
    minutes = FLIP_WINDOW.seconds // 60
    assert f"After {MAX_FLIPS} heals of one resource within {minutes} minutes" in told
    assert f"tries again after {FIRST_PAUSE.seconds // 60} minutes" in told
    assert f"at most {LONGEST_PAUSE.seconds // 3600} hours" in told
    assert f"up to {MAX_HEALS} heals of one resource within {minutes} minutes" in told
    rows = [row[0] for row in PAGE.table("Healing without asking")]
    assert [re.findall("`([a-z]+)`", cell)[0] for cell in rows] == [mode.value for mode in Mode]
    default = Target.__dataclass_fields__["mode"].default
    assert f"`{default}` (default)" in rows


def test_a_plan_ends_after_the_time_the_page_names() -> None:
    assert Settings.model_fields["plan_expires_s"].default == 86400
    assert "`plan_expires_s` (a day)" in PAGE.text


def test_agents_lack_what_deciding_needs() -> None:
    assert Scope.APPROVE not in AGENT_SCOPES
    assert REGISTRY["plan_decide"].people_only
    assert f"`{Scope.APPROVE.value}`" in PAGE.section("What never counts")
    assert "`plan_decide`" in PAGE.section("What never counts")
