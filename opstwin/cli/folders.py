"""A folder of manifests as one text."""

from pathlib import Path
from typing import Final

from opstwin.cli.exits import CliError, Exit
from opstwin.cli.naming import MAX_FILE, text_of

_ENDINGS: Final = frozenset({".yaml", ".yml", ".json"})
_MADE_FROM: Final = {
    "kustomization.yaml": "kubectl kustomize {folder} | opstwin plan -f -",
    "kustomization.yml": "kubectl kustomize {folder} | opstwin plan -f -",
    "Chart.yaml": "helm template NAME {folder} | opstwin plan -f -",
}
"""Files that say that a folder holds sources, from which the manifests are made by another program."""


def text_of_folder(folder: Path) -> str:
    """Every manifest below `folder`, by path, each under a comment that names its file.

    Raises `CliError` for a folder without manifests, one of sources (it names the command that renders them), and for
    what cannot be read or is too large together.
    """
    for name, command in _MADE_FROM.items():
        if (folder / name).is_file():
            raise CliError(
                Exit.ERROR, f"{folder} holds sources of manifests: {name}.", code="invalid_input",
                next_step=command.format(folder=folder),
            )  # fmt: skip
    files = sorted(file for file in folder.rglob("*") if file.suffix in _ENDINGS and file.is_file())
    if not files:
        raise CliError(
            Exit.ERROR, f"{folder} holds no manifest.", code="invalid_input",
            next_step="Name a folder with .yaml, .yml or .json files.",
        )  # fmt: skip
    text = "\n".join(f"---\n# Source: {file.relative_to(folder)}\n{text_of(file)}" for file in files)
    if len(text.encode()) > MAX_FILE:
        raise CliError(Exit.ERROR, f"{folder} is larger than 1 MiB.", next_step="Split it.", code="limit_exceeded")
    return text
