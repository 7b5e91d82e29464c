"""Where the values of secrets come from."""

from pathlib import Path

import pytest

from opstwin.errors import Rejected
from opstwin.targets.secrets import MAX_SECRET_BYTES, HubSecrets

VALUE = "hunter2-canary"


@pytest.fixture
def secrets(tmp_path: Path) -> HubSecrets:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "plain").write_text(VALUE)
    (folder / "with-newline").write_text(VALUE + "\r\n")
    (folder / "binary").write_bytes(b"\xff\xfe" + VALUE.encode())
    (folder / "nul").write_bytes(VALUE.encode() + b"\x00")
    (folder / "long").write_bytes(b"x" * (MAX_SECRET_BYTES + 1))
    (tmp_path / "outside").write_text(VALUE)
    (folder / "link").symlink_to(tmp_path / "outside")
    (folder / "folder").mkdir()
    return HubSecrets({"TOKEN": VALUE, "EMPTY": ""}, folder)


@pytest.mark.parametrize("reference", ["env:TOKEN", "file:plain", "file:with-newline"])
def test_a_reference_gives_its_value(secrets: HubSecrets, reference: str) -> None:
    assert secrets.resolve(reference) == VALUE


def test_an_empty_variable_is_a_value(secrets: HubSecrets) -> None:
    assert secrets.resolve("env:EMPTY") == ""


@pytest.mark.parametrize(
    "reference",
    ["env:MISSING", "file:missing", "file:binary", "file:nul", "file:long", "file:link", "file:folder"],
)
def test_what_cannot_be_had_is_named_without_a_value(secrets: HubSecrets, reference: str) -> None:
    with pytest.raises(Rejected) as refused:
        secrets.resolve(reference)
    assert reference in refused.value.message
    assert refused.value.next_step
    assert refused.value.details["field"] == "secret_env"
    chain = [refused.value, refused.value.__cause__, refused.value.__context__]
    assert VALUE not in f"{refused.value.details}{chain[0]}{chain[1]}"


@pytest.mark.parametrize("text", [VALUE, f"env:{VALUE}", "file:../outside", "file:/etc/passwd", "vault:x", ""])
def test_what_is_no_reference_is_refused_without_being_repeated(secrets: HubSecrets, text: str) -> None:
    with pytest.raises(Rejected) as refused:
        secrets.resolve(text)
    assert not text.startswith("env:") or "is not set" in refused.value.message or "variable name" in str(refused.value)
    assert refused.value.details["field"] == "secret_env"


@pytest.mark.proves("E4")
@pytest.mark.parametrize("where", ["outside", "../outside", "../{folder}/../outside", "elsewhere/outside", "link"])
def test_no_link_leads_out_of_the_secrets_folder(secrets: HubSecrets, tmp_path: Path, where: str) -> None:
    """Straight, relative, through the folder itself, through a linked folder, and over another link."""
    folder = tmp_path / "secrets"
    (folder / "elsewhere").symlink_to(tmp_path, target_is_directory=True)
    named = where.format(folder=folder.name)
    (folder / "trap").symlink_to(tmp_path / named if named == "outside" else named)
    assert (folder / "trap").read_text() == VALUE
    with pytest.raises(Rejected, match="leads out of the secrets folder") as refused:
        secrets.resolve("file:trap")
    assert VALUE not in f"{refused.value} {refused.value.details}"


def test_a_hub_without_a_folder_says_what_to_set() -> None:
    with pytest.raises(Rejected) as refused:
        HubSecrets({}).resolve("file:plain")
    assert "secrets_dir" in refused.value.next_step
