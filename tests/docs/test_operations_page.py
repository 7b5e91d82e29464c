"""docs/operations.md: files, metrics, routes and messages that it names are the real ones."""

import re

import pytest

from opstwin.clock import SystemClock
from opstwin.control.applying import ApplySettings
from opstwin.control.people import LOGIN_LIFE, SESSION_LIFE
from opstwin.control.place_fields import clusters_of, new_target
from opstwin.control.recovering import FREE_CRASHES, MOST, WINDOW
from opstwin.control.signing import KEY_FILE, PUBLIC_FILE
from opstwin.manifests.nodes import plain
from opstwin.manifests.yaml_loading import load_documents
from opstwin.server.callers import OPEN
from opstwin.server.instruments import RESULTS, Instruments
from opstwin.server.routes import PREFIX
from opstwin.server.serving import HUB_FILE
from opstwin.settings import Settings, load_settings
from opstwin.tools.all_tools import REGISTRY
from opstwin.wiring.starts import STARTS_FILE
from tests.docs.pages import ROOT, page

PAGE = page("docs/operations.md")
ROUTES = {
    (tool.route.method, PREFIX + re.sub(r"\{[^}]*\}", "{}", tool.route.path)) for tool in REGISTRY
}  # fmt: skip


def test_every_metric_that_is_named_exists() -> None:
    exist = {family.name for family in Instruments().registry.collect()}
    named = re.findall(r"`((?:opstwin|deployments|docker|sse|http|k8s|sim)_[a-z_]+)", PAGE.text)
    assert len(named) > 5
    assert [name for name in named if name.removesuffix("_total") not in exist and name != "http_api"] == []
    assert set(re.findall(r'result="([a-z]+)"', PAGE.text)) <= set(RESULTS.values())


def test_the_files_are_called_what_the_page_says() -> None:
    named = " ".join(row[0] for row in PAGE.table("Files"))
    for name in (HUB_FILE, KEY_FILE, PUBLIC_FILE, "hub.lock", STARTS_FILE):
        assert f"`{name}`" in named
    assert load_settings({"OPSTWIN_DATA_DIR": "/x"}, ()).url.endswith("/twin.db")
    assert str(load_settings({"OPSTWIN_DATA_DIR": "/x"}, ()).secrets_folder) == "/x/secrets"


def test_every_route_that_is_named_exists() -> None:
    named = re.findall(r"`(GET|POST|PATCH|PUT) (/\S*?)`", PAGE.text)
    assert len(named) > 4
    own = {("GET", path) for path in ("/health", "/ready", "/metrics")}
    assert {(method, re.sub(r"\bID\b", "{}", path)) for method, path in named} <= ROUTES | own


def test_what_answers_without_a_token_is_told() -> None:
    told = {row[0]: row[1] for row in PAGE.table("Health")}
    for path in ("/health", "/ready", "/metrics"):
        assert ("needs a token" in told[f"`GET {path}`"]) is (path not in OPEN)


@pytest.mark.req("S1.16")
def test_the_service_is_started_again_when_it_is_killed_and_with_the_machine() -> None:
    [unit] = PAGE.blocks("ini")
    assert re.search(r"^Restart=(on-failure|always)$", unit, re.MULTILINE)
    assert re.search(r"^WantedBy=multi-user.target$", unit, re.MULTILINE)


def test_the_service_runs_as_its_own_user_with_settings_that_exist() -> None:
    [unit] = PAGE.blocks("ini")
    variables = dict(re.findall(r"^Environment=OPSTWIN_([A-Z_]+)=(.*)$", unit, re.MULTILINE))
    assert {name.lower() for name in variables} <= set(Settings.model_fields)
    settings = load_settings({f"OPSTWIN_{name}": value for name, value in variables.items()}, ())
    assert "User=opstwin" in unit
    assert f"StateDirectory={settings.data_dir.name}" in unit
    assert re.search(r"^ExecStart=\S+/opstwin up$", unit, re.MULTILINE)


def test_the_targets_file_is_read() -> None:
    [text] = PAGE.blocks("yaml")
    config = plain(load_documents(text)[0])
    assert isinstance(config, dict)
    found = clusters_of(config)
    assert [item.id for item in found] == ["lab", "local"]
    for item in found:
        new_target({"id": item.id, **item.fields}, SystemClock().now())


def test_the_times_on_the_page_are_the_real_ones() -> None:
    apply = ApplySettings()
    assert f"`step_timeout_s` and {apply.lease_s:.0f} seconds" in PAGE.text
    assert f"gone for {apply.give_up_s / 60:.0f} minutes" in PAGE.text
    assert f"works once, for {LOGIN_LIFE.seconds // 60} minutes" in PAGE.text
    assert f"signed in for {SESSION_LIFE.days} days" in PAGE.text


def test_the_pause_after_crashes_is_told_as_it_is() -> None:
    told = " ".join(PAGE.text.split())
    third = {3: "third"}[FREE_CRASHES + 1]
    assert f"after the {third} start within {WINDOW.seconds // 60} minutes" in told
    first_s = Settings.model_fields["crash_backoff_s"].default
    assert f"the next one waits {first_s:.0f} seconds (`crash_backoff_s`)" in told
    assert f"up to {MOST} times as long" in told


@pytest.mark.parametrize("row", PAGE.table("An execution needs a person"), ids=lambda row: row[0][:20])
def test_what_an_execution_says_is_what_the_code_says(row: list[str]) -> None:
    modules = ("applying", "reversing", "starting")
    source = "".join((ROOT / f"opstwin/control/{name}.py").read_text(encoding="utf-8") for name in modules)
    assert all(part.strip() in source for part in row[0].split("…") if part.strip())


def test_the_ways_to_work_with_postgresql_are_those_that_refusals_name() -> None:
    said = (ROOT / "opstwin/twin/sql.py").read_text() + (ROOT / "opstwin/twin/restoring.py").read_text()
    for tool in ("pg_dump --format=custom", "pg_restore --clean"):
        assert tool in said
        assert tool in PAGE.text
