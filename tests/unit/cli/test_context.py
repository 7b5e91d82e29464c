"""Where the command line looks for the hub's files: the same places as the hub's own settings."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import platformdirs
from opstwin.cli.context import _user_folder
print(_user_folder("data", ".local/share") == platformdirs.user_data_path("opstwin"))
print(_user_folder("config", ".config") == platformdirs.user_config_path("opstwin"))
"""


@pytest.mark.parametrize("named", [None, "", "relative/x", "/abs/x", "~/x"])
def test_the_users_folders_are_found_as_the_hub_finds_them(tmp_path: Path, named: str | None) -> None:
    own = {"HOME": str(tmp_path)} | ({} if named is None else {"XDG_DATA_HOME": named, "XDG_CONFIG_HOME": named})
    said = subprocess.check_output([sys.executable, "-c", PROGRAM], env=own, text=True)
    assert said.split() == ["True", "True"]
