"""`python -m tests.once_more PYTEST-OPTION…`: the suite; where few tests failed, those once more, alone.

Many tests start real servers, and a busy machine may be too slow for one of them. What passes only on the second try is
named at the end; what fails again fails the run.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

MOST: Final = 5
"""So many failures may be the machine's; more are ours."""

_TESTS_FAILED: Final = 1
_KEPT: Final = Path(".pytest_cache/v/cache/lastfailed")


def main(options: list[str]) -> int:
    """The exit code of the run that decides."""
    _KEPT.unlink(missing_ok=True)
    code = _pytest(options)
    failed = sorted(json.loads(_KEPT.read_text())) if _KEPT.is_file() else []
    if code != _TESTS_FAILED or not 0 < len(failed) <= MOST:
        return code
    names = "\n".join(failed)
    print(f"\nOnce more, alone:\n{names}", flush=True)
    again = _pytest(["-n0", *failed])
    if again == 0:
        print(f"\nPassed only alone, on the second try:\n{names}", flush=True)
    return again


def _pytest(options: list[str]) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *options], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
