"""The options that select tests by what they prove."""

from collections.abc import Callable

import pytest

pytest_plugins = ["pytester"]

Run = Callable[..., pytest.RunResult]

TESTS = """
import pytest

@pytest.mark.req("S1.7", "S1.8")
def test_two(): ...

@pytest.mark.proves("A1")
def test_crash(): ...

@pytest.mark.req("S1.7")
class TestMany:
    def test_in_class(self): ...

def test_plain(): ...
"""


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    """Run pytest, with our options, in a folder of its own."""
    pytester.makeini("[pytest]\nmarkers =\n    req(*ids): x\n    proves(*ids): x\naddopts = --strict-markers")

    def run_it(*words: str, tests: str = TESTS) -> pytest.RunResult:
        pytester.makepyfile(tests)
        return pytester.runpytest_inprocess("-p", "tests.plugins.promises", "-p", "no:asyncio", *words)

    return run_it


@pytest.mark.parametrize(
    ("words", "passed"),
    [
        ([], 4),
        (["--req", "S1.7"], 2),
        (["--req", "S1.8"], 1),
        (["--req", "S1.8,S1.7"], 2),
        (["--req", "S1.8", "--req", "S1.7"], 2),
        (["--proves", "A1"], 1),
    ],
)
def test_selection(run: Run, words: list[str], passed: int) -> None:
    run(*words).assert_outcomes(passed=passed, deselected=4 - passed)


def test_both_options_must_hold(run: Run) -> None:
    run("--req", "S1.7", "--proves", "A1").assert_outcomes(deselected=4)


def test_missing_lists_ids_and_runs_nothing(run: Run) -> None:
    result = run("--req-missing", tests='import pytest\n@pytest.mark.req("S1.7")\ndef test_it(): assert False\n')
    result.assert_outcomes()
    lines = result.outlines
    assert "S1.6" in lines
    assert "S1.7" not in lines
    assert "M7" in lines
    result.stdout.fnmatch_lines(["# requirements.md: 1 of * ids have a test"])


@pytest.mark.parametrize("words", [["--req", "S9.99"], ["--proves", "Z1"]])
def test_asking_for_an_id_nobody_promised_is_refused(run: Run, words: list[str]) -> None:
    result = run(*words)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{words[1]}*not in docs/*"])


def test_marking_an_id_nobody_promised_is_refused(run: Run) -> None:
    result = run(tests='import pytest\n@pytest.mark.req("S1.777")\ndef test_it(): ...\n')
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*test_it*S1.777*not in docs/requirements.md"])
