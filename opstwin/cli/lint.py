"""The verb that checks manifests: here, without a hub and without a cluster."""

import sys
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from opstwin.cli import output
from opstwin.cli.exits import CliError, Exit
from opstwin.cli.options import Output
from opstwin.cli.output import Form

if TYPE_CHECKING:
    from opstwin.manifests.checks.findings import Finding
    from opstwin.manifests.checks.linting import LintOptions, LintReport, Named

_LINTED: Final = (".yaml", ".yml", ".json")
_MOST_BYTES: Final = 64 * 1024 * 1024
_STDIN: Final = "-"


def lint(
    paths: Annotated[list[str], typer.Argument(help="Files, folders, patterns (k8s/**/*.yaml), or - for stdin.")],
    kubernetes: Annotated[
        str | None,
        typer.Option("--kubernetes", "-k", help="The cluster's version, such as 1.29; the newest if not given."),
    ] = None,
    policy: Annotated[Path | None, typer.Option("--policy", help="A policy file: levels, and rules in CEL.")] = None,
    pod_security: Annotated[
        str | None, typer.Option("--pod-security", help="baseline or restricted: what breaks it is an error.")
    ] = None,
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Where manifests go that name none.")] = "default",
    ignore: Annotated[list[str] | None, typer.Option("--ignore", help="A rule to leave out; can be repeated.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail too.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Leave out what is only worth knowing.")] = False,
    korean: Annotated[bool, typer.Option("--korean", help="Say it in Korean.")] = False,
    sarif: Annotated[bool, typer.Option("--sarif", help="Write SARIF 2.1.0, for code scanning.")] = False,
    form: Output = Form.TABLE,
) -> None:
    """Check Kubernetes manifests, offline: schema, references, values, Pod Security, policy.

    opstwin lint k8s/ --kubernetes 1.29
    """
    from opstwin.errors import OpstwinError
    from opstwin.manifests.checks.linting import lint as checked

    try:
        report = checked(_texts(paths), _options(kubernetes, policy, pod_security, namespace, ignore or [], strict))
    except OpstwinError as error:
        raise CliError(
            Exit.ERROR, error.message, next_step=error.next_step, code=error.code, details=error.details
        ) from error
    _write(report, form, quiet=quiet, korean=korean, sarif=sarif)
    if not report.passed:
        raise typer.Exit(Exit.ERROR)


def _options(
    version: str | None, policy: Path | None, standard: str | None, namespace: str, ignore: list[str], strict: bool
) -> "LintOptions":
    from opstwin.manifests.checks.linting import LintOptions
    from opstwin.manifests.checks.policy import Policy, narrowed, policy_from

    chosen = policy_from(_text_of(policy)) if policy else Policy()
    chosen = narrowed(chosen, standard=standard, ignored=ignore)
    return LintOptions(version=version, policy=chosen, namespace=namespace, strict=strict)


def _texts(paths: list[str]) -> list["Named"]:
    from opstwin.manifests.checks.linting import Named

    found: list[Named] = []
    left = _MOST_BYTES
    for path in dict.fromkeys(item for word in paths for item in _files(word)):
        text = _stdin(left) if path == _STDIN else _text_of(Path(path), left)
        left -= len(text)
        found.append(Named(name="stdin" if path == _STDIN else path, text=text))
    return found


def _files(word: str) -> list[str]:
    """The files that one word of the command line means."""
    path = Path(word)
    if word == _STDIN or path.is_file():
        return [word]
    if path.is_dir():
        found = sorted(str(item) for item in path.rglob("*") if item.suffix in _LINTED and item.is_file())
    else:
        found = _matching(path)
    if not found:
        raise CliError(
            Exit.ERROR, f"There is no manifest at {word}.", code="not_found",
            next_step="Name a file, a folder with .yaml, .yml or .json files, or - for stdin.",
        )  # fmt: skip
    return found


def _matching(pattern: Path) -> list[str]:
    root = Path(pattern.anchor)
    try:
        return sorted(str(item) for item in root.glob(str(pattern.relative_to(root))) if item.is_file())
    except (ValueError, OSError):  # no pattern, or a name that no file can have
        return []


def _text_of(path: Path, most: int = _MOST_BYTES) -> str:
    try:
        with path.open("rb") as file:
            return _decoded(file.read(most + 1), str(path), most)
    except OSError as error:
        raise CliError(
            Exit.ERROR, f"{path} cannot be read: {error.strerror or error}.", next_step="Check its name and rights.",
            code="not_found",
        ) from error  # fmt: skip


def _stdin(most: int) -> str:
    return _decoded(sys.stdin.buffer.read(most + 1), "stdin", most)


def _decoded(data: bytes, name: str, most: int) -> str:
    """UTF-8 text; bytes that are none become the character for that, which is a finding where it matters."""
    if len(data) > most:
        raise CliError(
            Exit.ERROR, f"{name} is too large: at most {_MOST_BYTES >> 20} MiB are checked at once.",
            next_step="Check fewer files at once.", code="limit_exceeded",
        )  # fmt: skip
    # Windows PowerShell redirects in UTF-16, which YAML allows (1.2.2, 5.2).
    return data.decode("utf-16" if data[:2] in (BOM_UTF16_LE, BOM_UTF16_BE) else "utf-8", "replace")


def _write(report: "LintReport", form: Form, *, quiet: bool, korean: bool, sarif: bool) -> None:
    from opstwin.manifests.checks.lint_forms import as_json, as_sarif

    shown = [item for item in report.report.findings if not (quiet and item.level.value == "info")]
    if sarif:
        output.data(as_sarif(shown), Form.JSON)
    elif form is not Form.TABLE:
        output.data(as_json(report, shown), form)
    else:
        _show(report, shown, korean=korean)


def _show(report: "LintReport", shown: list["Finding"], *, korean: bool) -> None:
    for item in shown:
        where = f"{item.source}:{item.line}:{item.column}" if item.line else item.source
        message, fix = (item.message_ko, item.fix_ko) if korean else (item.message, item.fix)
        output.line(f"{where}: {item.level.value} {item.rule}: {message} [{item.subject}]")
        output.line(f"    {fix}")
    if report.report.left_out:
        output.note(f"{report.report.left_out} more findings are not shown.")
    output.note(_summary(report), colour="ok" if report.passed else "bad")


def _summary(report: "LintReport") -> str:
    from opstwin.manifests.checks.findings import Level

    counts = {level.value: report.report.count(level) for level in Level}
    parts = (("error", counts["error"]), ("warning", counts["warning"]), ("note", counts["info"]))
    words = ", ".join(_counted(word, number) for word, number in parts)
    checked = _counted("manifest", report.report.manifests)
    return f"{checked} checked for Kubernetes {report.report.version}: {words}."


def _counted(word: str, number: int) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
