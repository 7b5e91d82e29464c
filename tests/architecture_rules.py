"""The rules of docs/architecture.md that are read off the source. Each yields one line per finding."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

MAX_LINES = 500
MAX_PORT_METHODS = 6
VAGUE_NAMES = {"util", "utils", "helper", "helpers", "manager", "managers", "common"}
SHELLS = {
    "os.system",
    "os.popen",
    "subprocess.getoutput",
    "subprocess.getstatusoutput",
    "asyncio.create_subprocess_shell",
}
IMPURE_CALLS = {"now", "utcnow", "today", "uuid1", "uuid4", "urandom"}
MAY_HOLD_A_WRITER = re.compile(r"opstwin/(targets/.*|control/applying\.py|wiring(/.*|[^/]*\.py))")
MAY_PRINT = "opstwin/cli/output.py"


@dataclass(frozen=True)
class Module:
    """One source file: its path from the root of the repository, and its text."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    def walk(self) -> Iterator[ast.AST]:
        return ast.walk(self.tree)

    def at(self, node: ast.AST, words: str) -> str:
        return f"{self.path}:{getattr(node, 'lineno', 1)}: {words}"


Rule = Callable[[Module], Iterator[str]]


def modules(root: Path, *folders: str) -> list[Module]:
    """Every Python file below the folders."""
    files = [file for folder in folders for file in sorted((root / folder).rglob("*.py"))]
    return [Module(file.relative_to(root).as_posix(), file.read_text(encoding="utf-8")) for file in files]


def dotted(node: ast.AST) -> str:
    """`os.system` for the expression that says so, else an empty text."""
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value)
        return f"{owner}.{node.attr}" if owner else ""
    return node.id if isinstance(node, ast.Name) else ""


def too_long(module: Module) -> Iterator[str]:
    lines = len(module.text.splitlines())
    if lines > MAX_LINES:
        yield f"{module.path}: {lines} lines, at most {MAX_LINES}: split it by what its parts are about"


def init_holds_code(module: Module) -> Iterator[str]:
    if not module.path.endswith("/__init__.py"):
        return
    body = module.tree.body
    if not body or ast.get_docstring(module.tree) is None:
        yield f"{module.path}: no docstring that says what belongs here and what must not"
    for node in body[1:]:
        yield module.at(node, "only a docstring belongs in __init__.py: move this into a module")


def vague_name(module: Module) -> Iterator[str]:
    for part in Path(module.path).with_suffix("").parts:
        if VAGUE_NAMES & set(part.split("_")):
            yield f"{module.path}: '{part}' says nothing: name it after what it does"


def writer_elsewhere(module: Module) -> Iterator[str]:
    if MAY_HOLD_A_WRITER.fullmatch(module.path):
        return
    for node in module.walk():
        if names_writer(node):
            yield module.at(node, "Writer is given to control/applying.py only (invariant 2)")


def names_writer(node: ast.AST) -> bool:
    match node:
        case ast.Name(id="Writer") | ast.Attribute(attr="Writer") | ast.Constant(value="Writer"):
            return True
        case ast.ImportFrom(module=str(source), names=names):
            return any(
                alias.name == "Writer" or (alias.name.endswith("Writer") and source.startswith("opstwin.targets"))
                for alias in names
            )
    return False


def shell_or_eval(module: Module) -> Iterator[str]:
    for node in module.walk():
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func)
        if name in SHELLS or any(asks_for_shell(name, keyword) for keyword in node.keywords):
            yield module.at(node, "no shell: give the program and its arguments as a list")
        if name in {"eval", "exec", "builtins.eval", "builtins.exec"}:
            yield module.at(node, f"no {name}: text is data")


def asks_for_shell(name: str | None, keyword: ast.keyword) -> bool:
    """`shell=` anything but a plain False, but where the word names a program to write a completion script for."""
    if keyword.arg != "shell" or (name or "").endswith("completion_script"):
        return False
    return not (isinstance(keyword.value, ast.Constant) and keyword.value.value is False)


def shell_imported(module: Module) -> Iterator[str]:
    for node in module.walk():
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if f"{node.module}.{alias.name}" in SHELLS:
                    yield module.at(node, "no shell: give the program and its arguments as a list")


def blanket_except(module: Module) -> Iterator[str]:
    """An `except` that catches everything and does not raise it again as it was."""
    for node in module.walk():
        if isinstance(node, ast.ExceptHandler) and catches_everything(node) and not raises_again(node):
            yield module.at(node, "catch what can happen here; only the outermost loops catch everything")


def catches_everything(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(dotted(node).split(".")[-1] in {"Exception", "BaseException"} for node in caught)


def raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def port_too_wide(module: Module) -> Iterator[str]:
    for node in module.walk():
        if isinstance(node, ast.ClassDef) and is_port(node):
            methods = [part for part in node.body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)]
            if len(methods) > MAX_PORT_METHODS:
                yield module.at(node, f"port {node.name} has {len(methods)} methods, at most {MAX_PORT_METHODS}")


def is_port(node: ast.ClassDef) -> bool:
    bases = [base.value if isinstance(base, ast.Subscript) else base for base in node.bases]
    return any(dotted(base).split(".")[-1] == "Protocol" for base in bases)


def prints(module: Module) -> Iterator[str]:
    if module.path == MAY_PRINT:
        return
    for node in module.walk():
        if isinstance(node, ast.Call) and dotted(node.func) == "print":
            yield module.at(node, f"no print: log it, or show it through {MAY_PRINT}")


def impure_domain(module: Module) -> Iterator[str]:
    if not module.path.startswith("opstwin/domain/"):
        return
    for node in module.walk():
        if isinstance(node, ast.Call) and dotted(node.func).split(".")[-1] in {*IMPURE_CALLS, "open"}:
            yield module.at(node, "the domain has no clock, no randomness and no files: take it as an argument")


def eager_hub(module: Module) -> Iterator[str]:
    """The command line starts quickly because it loads the hub only in the verb that starts it."""
    if not module.path.startswith("opstwin/cli/"):
        return
    for node in top_level(module.tree):
        for name in imported(node):
            if re.match(r"opstwin\.(server|wiring)\b", name):
                yield module.at(node, f"import {name} inside the function that starts the hub")


def top_level(tree: ast.Module) -> Iterator[ast.AST]:
    """Every statement that runs when the module is imported."""
    queue: list[ast.AST] = list(tree.body)
    while queue:
        node = queue.pop(0)
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            queue.extend(ast.iter_child_nodes(node))


def imported(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=str(source), names=names):
            return [f"{source}.{alias.name}" for alias in names]
    return []


def stray_error(module: Module, tree_of_errors: set[str]) -> Iterator[str]:
    if module.path == "opstwin/errors.py":
        return
    for node in module.walk():
        if isinstance(node, ast.ClassDef) and any(dotted(b).split(".")[-1] in tree_of_errors for b in node.bases):
            yield module.at(node, f"{node.name} belongs in opstwin/errors.py, where every face finds it")
