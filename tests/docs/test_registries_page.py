"""docs/registries.md: its types, keys, limits and example are those of the code."""

import re

import pytest

from opstwin.control.pinning_images import MOST, PATIENCE_S, REST_S
from opstwin.errors import InvalidInput
from opstwin.registries.asking import MAX_BYTES
from opstwin.registries.client import MOST_TAGS
from opstwin.registries.configuring import CREDENTIAL, USERNAME, places_of
from opstwin.registries.loading import OWN, load
from opstwin.registries.ports import GROUP
from opstwin.settings import Settings
from tests.docs.pages import page

PAGE = page("docs/registries.md")
TEXT = " ".join(PAGE.text.split())
KINDS = load([])


def test_its_example_is_a_configuration_and_the_types_are_told_by_the_hosts() -> None:
    [text] = PAGE.blocks("yaml")
    places = places_of(text, KINDS, "registries.yaml")
    assert [item.type for item in places] == ["plain", "ecr", "acr", "gcr", "harbor", "plain"]
    assert [item.insecure for item in places] == [False] * 5 + [True]


def test_every_type_is_listed_with_its_own_keys() -> None:
    listed = {row[0].strip("`"): tuple(re.findall("`([^`]+)`", row[3])) for row in PAGE.table("Types")}
    assert listed == {kind.name: kind.options for kind in OWN}


def test_every_key_is_listed_and_no_other() -> None:
    listed = [row[0].strip("`") for row in PAGE.table("Naming registries")]
    places_of(
        f"registries: [{{host: a.example, {', '.join(f'{key}: {_value(key)}' for key in listed[2:])}}}]", KINDS, "x"
    )
    with pytest.raises(InvalidInput) as told:
        places_of("registries: [{host: a.example, other: x}]", KINDS, "x")
    assert told.value.next_step == f"Use: {', '.join(sorted(listed))}."


def _value(key: str) -> str:
    return {"insecure": "true", "token_hosts": "[b.example]", "credential": "env:A", "type": "plain"}.get(key, "x")


@pytest.mark.parametrize(
    "words",
    [
        f"at most {MOST_TAGS:,} of an image", f"at most {PATIENCE_S:g} seconds together", f"{MOST} images of a plan",
        f"left alone for {REST_S:g} seconds", f"above {MAX_BYTES >> 20} MiB", f"`{CREDENTIAL}`", f"`{USERNAME}`",
        f"`{GROUP}`", f'[project.entry-points."{GROUP}"]',
    ],
)  # fmt: skip
def test_its_words_and_limits_are_the_real_ones(words: str) -> None:
    assert words in TEXT


def test_its_settings_are_there() -> None:
    named = {"registries_file", "pin_images", "secrets_dir", "allowed_agent_endpoints"}
    assert named <= set(Settings.model_fields)
    assert all(f"`{name}" in PAGE.text for name in named)
    assert Settings.model_fields["pin_images"].default is False
