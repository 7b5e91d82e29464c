"""docs/authorization.md says what the code does: limits, algorithms, times, addresses."""

import re

from opstwin.control.people import CACHE_S
from opstwin.server.metadata import SCOPES, WELL_KNOWN
from opstwin.server.oauth import LEEWAY_S, MAX_TOKEN
from opstwin.server.oauth_keys import ALGORITHMS, FLOOR_S, HOLD_S, MAX_BYTES, RENEW_S
from opstwin.settings import Settings
from tests.docs.pages import DOCS

PAGE = (DOCS / "authorization.md").read_text(encoding="utf-8")
PROSE = " ".join(PAGE.split())


def test_the_limits_are_those_of_the_settings() -> None:
    rows = re.findall(r"^\| .* \| ([\d,]+)(?: a minute)? \| `(\w+)` \|$", PAGE, re.MULTILINE)
    told = {name: int(number.replace(",", "")) for number, name in rows}
    limits = [name for name in Settings.model_fields if name.startswith("rate_") or name == "waiting_plans"]
    assert told == {name: Settings.model_fields[name].default for name in limits}


def test_every_setting_of_oauth_is_explained() -> None:
    for name in Settings.model_fields:
        assert name in PAGE or not name.startswith("oauth_"), name


def test_the_scopes_are_those_that_a_token_may_carry() -> None:
    assert re.findall(r"^\| `(twin:\w+)` \|", PAGE, re.MULTILINE) == [scope.value for scope in SCOPES]


def test_the_numbers_are_those_of_the_code() -> None:
    assert f"{LEEWAY_S:.0f} s for clocks" in PROSE
    assert f"at most {MAX_TOKEN:,} characters" in PROSE
    assert f"at most {MAX_BYTES // 1024} KiB" in PROSE
    assert f"after {RENEW_S / 60:.0f} minutes" in PROSE
    assert f"at most every {FLOOR_S:.0f} s" in PROSE
    assert HOLD_S == 3600
    assert "count for an hour" in PROSE
    assert f"within {CACHE_S:.0f} s" in PROSE
    assert WELL_KNOWN in PROSE


def test_the_algorithms_are_those_that_are_taken() -> None:
    families = re.findall(r"([RPE]S)256 to [RPE]S512", PROSE)
    told = {f"{family}{size}" for family in families for size in (256, 384, 512)} | {"Ed25519"}
    assert told == set(ALGORITHMS)
