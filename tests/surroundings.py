"""The environment that processes of tests get: the machine's own, without what is meant for a person's hub."""

import os
from collections.abc import Mapping
from typing import Final

_OURS: Final = "OPSTWIN_"
_PROVIDERS: Final = ("OPENAI_", "ANTHROPIC_", "AZURE_OPENAI_")
"""Variables with which a hub would ask a real language model, at the cost of whoever runs the tests."""


def bare_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables, without settings of Opstwin and without keys and addresses of language models."""
    return {key: value for key, value in environ.items() if not key.startswith((_OURS, *_PROVIDERS))}
