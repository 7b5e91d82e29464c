"""How a verb that could not do its work ends: words or JSON for the user, and an exit code."""

import json
import os
import sys
from collections.abc import Sequence

from opstwin.cli import output
from opstwin.cli.exits import CliError


def failed(error: CliError, arguments: Sequence[str]) -> int:
    """Say what went wrong and what to do next, in JSON where the `arguments` ask for it; returns the exit code."""
    if _wants_json(arguments):
        sys.stderr.write(json.dumps(error.as_json(), ensure_ascii=False) + "\n")
    else:
        output.note(error.message, colour="bad")
        if error.next_step:
            output.note(error.next_step)
    return error.exit_code


def _wants_json(arguments: Sequence[str]) -> bool:
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    for place, word in enumerate(options):
        if word in ("-ojson", "--output=json"):
            return True
        if word in ("-o", "--output"):
            return list(options[place + 1 : place + 2]) == ["json"]
    return os.environ.get("OPSTWIN_OUTPUT") == "json"
