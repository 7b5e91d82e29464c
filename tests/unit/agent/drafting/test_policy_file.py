"""The policy is the operator's file, read anew for each draft; without one the standards that ship hold."""

import os
from pathlib import Path

import pytest

from opstwin.agent.drafting.policy_file import MAX_BYTES, SHIPPED, PolicyFile, policy_file
from opstwin.errors import InvalidInput


@pytest.mark.req("S5.53")
async def test_without_a_file_the_standards_that_ship_hold(tmp_path: Path) -> None:
    found = await PolicyFile(None, (tmp_path,)).read()
    assert found.source == SHIPPED
    assert "memory limit" in found.text


@pytest.mark.req("S5.53")
async def test_an_edit_counts_from_the_next_draft_on(tmp_path: Path) -> None:
    policy = policy_file(None, tmp_path)
    (tmp_path / "policy.md").write_text("- first\n")
    assert "first" in (await policy.read()).text
    with (tmp_path / "policy.md").open("a") as file:
        file.write("POLICY-CANARY\n")
    found = await policy.read()
    assert "POLICY-CANARY" in found.text
    assert found.source == str(tmp_path / "policy.md")


async def test_the_first_folder_that_has_one_counts_and_a_named_file_before_all(tmp_path: Path) -> None:
    one, other, named = tmp_path / "one", tmp_path / "other", tmp_path / "own.md"
    for folder in (one, other):
        folder.mkdir()
    (other / "policy.md").write_text("other")
    assert (await PolicyFile(None, (one, other)).read()).text == "other"
    (one / "policy.md").write_text("one")
    assert (await PolicyFile(None, (one, other)).read()).text == "one"
    named.write_text("named")
    assert (await PolicyFile(named, (one, other)).read()).text == "named"


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"x" * (MAX_BYTES + 1), "more than"), (b"\xff\xfe", "cannot be read"), (b"a\x00b", "no text"), (None, "cannot")],
)
async def test_a_policy_that_cannot_be_used_is_an_error_that_names_the_setting(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "policy.md"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidInput, match=said) as caught:
        await PolicyFile(path, ()).read()
    assert caught.value.field == "policy_file"


async def test_a_policy_that_never_ends_is_not_read_to_its_end() -> None:
    with pytest.raises(InvalidInput):
        await PolicyFile(Path(os.devnull).with_name("zero"), ()).read()
