"""Which commands only read: a closed list by program, sub-command and flag. What is not on it is not read-only. Pure.

Each word is compared as it is with what the list allows in its place; nothing is taken apart as a shell would, and a
word that the list does not know is never guessed at. The list has no program that prints the content of files or
environment variables, starts another program, or can be sent to another server.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

_TEXT: Final = re.compile(r"[\x20-\x7e]{0,1000}")
_NUMBER: Final = re.compile(r"[0-9]{1,6}")
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:-]{0,63}")
_PATH: Final = re.compile(r"[A-Za-z0-9_./@%+:,=~ \[\]-]{1,1000}")
_DATE: Final = re.compile(r"\+[\x20-\x7e]{0,200}")
_DATE_FLAGS: Final = frozenset({"--utc", "-I", "-Iseconds", "--iso-8601", "--iso-8601=seconds"})
"""A value of `--iso-8601` that stands apart would be the time to set."""

_COLUMN: Final = (
    "pid|ppid|pgid|sid|sess|user|uid|ruser|group|gid|stat|state|s|ni|pri|nice|rss|vsz|sz|rsz|pcpu|%cpu|pmem|%mem|comm|"
    "args|cmd|command|ucomm|etime|etimes|time|cputime|start|lstart|stime|tty|tt|tname|nlwp|thcount|wchan|psr|cls|flags"
)
_COLUMNS: Final = re.compile(rf"(?:{_COLUMN})(?:,(?:{_COLUMN}))*")
_SORTING: Final = re.compile(rf"[+-]?(?:{_COLUMN})(?:,[+-]?(?:{_COLUMN}))*")
_FILE_SYSTEM: Final = re.compile(r"[a-z0-9]{1,20}")
_FAMILY: Final = re.compile(r"inet|inet6|link|netlink|packet|vsock")
_ROUTE: Final = re.compile(r"[0-9a-fA-F.:/]{1,64}|[a-z0-9][a-z0-9_.@-]{0,31}")
_SIZE: Final = re.compile(r"[0-9]{0,6}[KMGTkmgt]?i?B?")

_NO_VALUES: Final[Mapping[str, re.Pattern[str]]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One way to call a program that only reads.

    `words` come first, as they are. `letters` are one-letter flags that may stand together (`-lah`), `flags` are whole
    words, `valued` are flags with a value behind them or after a `=`. Then up to `most` words that fit `operand`.
    """

    words: tuple[str, ...] = ()
    letters: str = ""
    flags: frozenset[str] = frozenset()
    valued: Mapping[str, re.Pattern[str]] = field(default_factory=lambda: _NO_VALUES)
    operand: re.Pattern[str] | None = None
    most: int = 0


def _only(*words: str) -> Form:
    return Form(words=words)


_PS: Final = (
    Form(),
    *map(_only, ("a", "x", "ax", "aux", "auxf", "auxww", "axf", "axjf", "-a", "-A", "-e", "-f", "-l", "-ef", "-eF",
                 "-elf", "-eT", "-T")),
    Form(words=("aux",), valued={"--sort": _SORTING}),
    Form(valued={"-eo": _COLUMNS, "-Ao": _COLUMNS, "--sort": _SORTING}),
    Form(valued={"-o": _COLUMNS, "-p": _NUMBER, "--sort": _SORTING}),
)  # fmt: skip
"""Words and no letters: when `ps` cannot make sense of its flags it reads them again as BSD's, where `e` shows the
environment of every process."""

_SS: Final = Form(
    letters="atulnpesm46oirHO0wx",
    flags=frozenset({"--all", "--tcp", "--udp", "--listening", "--numeric", "--summary"}),
    valued={"-f": _FAMILY},
)  # fmt: skip
_NETSTAT: Final = Form(letters="atulnpeirsgW46wx")
_LS: Final = Form(
    letters="laAhrtRSdin1FsgGopcuUXvkB",
    flags=frozenset({
        "--all", "--almost-all", "--human-readable", "--reverse", "--recursive", "--size", "--inode", "--full-time",
        "--directory", "--numeric-uid-gid", "--color=never",
    }),
    valued={"--sort": _NAME, "--time-style": re.compile(r"full-iso|long-iso|iso|locale")},
    operand=_PATH, most=8,
)  # fmt: skip
_STAT: Final = Form(letters="Lft", valued={"-c": _TEXT, "--format": _TEXT, "--printf": _TEXT}, operand=_PATH, most=8)
_DU: Final = Form(
    letters="shacxkmbL", flags=frozenset({"--summarize", "--human-readable", "--total", "--one-file-system"}),
    valued={"-d": _NUMBER, "--max-depth": _NUMBER, "-t": _SIZE}, operand=_PATH, most=8,
)  # fmt: skip
_DF: Final = Form(
    letters="haTiklPmH",
    flags=frozenset({"--human-readable", "--all", "--print-type", "--inodes", "--local", "--total"}),
    valued={"-t": _FILE_SYSTEM, "-x": _FILE_SYSTEM}, operand=_PATH, most=8,
)  # fmt: skip
_IP_FLAGS: Final = frozenset({"-br", "-brief", "-4", "-6", "-s", "-d", "-o", "-j", "-p", "-c=never"})
_FREE: Final = Form(letters="bkmghwtl", flags=frozenset({"--human", "--si", "--total", "--wide", "--mega", "--giga"}))
_TOP: Final = (_only("-bn1"), _only("-b", "-n1"), _only("-b", "-n", "1"), _only("-bn", "1"))
_REDIS_PARTS: Final = re.compile(
    "server|clients|memory|persistence|stats|replication|cpu|commandstats|errorstats|latencystats|cluster|keyspace|"
    "modules|all|default|everything"
)


def _ip(*objects: str) -> tuple[Form, ...]:
    shown = [Form(words=(name, act), flags=_IP_FLAGS, operand=_ROUTE, most=6)
             for name in objects for act in ("show", "list")]  # fmt: skip
    return (*shown, *(Form(words=(name,), flags=_IP_FLAGS) for name in objects))


_VERSION: Final = (_only("--version"),)

PROGRAMS: Final[Mapping[str, tuple[Form, ...]]] = {
    "arch": (Form(),),
    "date": (Form(letters="uR", flags=_DATE_FLAGS, operand=_DATE, most=1),),
    "df": (_DF,),
    "du": (_DU,),
    "free": (_FREE,),
    "haproxy": (_only("-v"), _only("-vv")),
    "hostname": (Form(letters="fsidIA"),),
    "httpd": (_only("-v"),),
    "id": (Form(letters="ugGnrz", operand=_NAME, most=1),),
    "ip": (
        *_ip("addr", "address", "a", "link", "l", "route", "r", "neigh", "neighbour", "n", "rule"),
        Form(words=("route", "get"), flags=_IP_FLAGS, operand=_ROUTE, most=6),
    ),
    "ls": (_LS,),
    "lsblk": (Form(letters="afbpm", flags=frozenset({"-f"})),),
    "lscpu": (Form(letters="eJ"),),
    "mount": (Form(),),
    "mysql": (*_VERSION, _only("-V")),
    "mysqld": _VERSION,
    "netstat": (_NETSTAT,),
    # Not `-t`: it opens and makes log files, pid file and temporary folders as the configuration says.
    "nginx": (_only("-v"), _only("-V")),
    "node": (*_VERSION, _only("-v")),
    "nproc": (Form(flags=frozenset({"--all"})),),
    "pg_isready": (Form(letters="q"),),
    "php": (_only("-v"), *_VERSION),
    "postgres": (*_VERSION, _only("-V")),
    "ps": _PS,
    "psql": (*_VERSION, _only("-V")),
    "pwd": (Form(),),
    "python3": (*_VERSION, _only("-V")),
    "redis-cli": (
        _only("ping"), _only("PING"), _only("dbsize"), _only("time"), _only("lastsave"), _only("role"),
        Form(words=("info",), operand=_REDIS_PARTS, most=1), Form(words=("INFO",), operand=_REDIS_PARTS, most=1),
        _only("cluster", "info"), _only("latency", "latest"), *_VERSION,
    ),
    "redis-server": (*_VERSION, _only("-v")),
    "ss": (_SS,),
    "stat": (_STAT,),
    "top": _TOP,
    "true": (Form(),),
    "uname": (Form(letters="asnrvmpio", flags=frozenset({"--all"})),),
    "uptime": (Form(letters="ps"),),
    "vmstat": (Form(letters="aswdn"),),
    "whoami": (Form(),),
}  # fmt: skip
"""Every program that may run without an approval, in the ways in which it only reads."""


def why_not_read_only(argv: Sequence[str]) -> str:
    """Empty when this command only reads, else why it is not known to, in words that quote at most one word of it."""
    forms = PROGRAMS.get(argv[0]) if argv else None
    if forms is None:
        return "this program is not on the list of those that only read"
    if any(_TEXT.fullmatch(word) is None for word in argv):
        return "it holds characters that the list of read-only commands does not allow"
    if any(_fits(form, argv[1:]) for form in forms):
        return ""
    return f"{argv[0]} with these words is not on the list of commands that only read"


def _fits(form: Form, words: Sequence[str]) -> bool:
    rest = list(words)
    while form.words and rest and rest[0] in form.flags:
        rest.pop(0)
    if tuple(rest[: len(form.words)]) != form.words:
        return False
    rest = rest[len(form.words) :]
    operands = 0
    while rest:
        word = rest.pop(0)
        if word.startswith("-") or word in form.flags:
            if not _flag_fits(form, word, rest):
                return False
        elif form.operand is None or form.operand.fullmatch(word) is None:
            return False
        else:
            operands += 1
    return operands <= form.most


def _flag_fits(form: Form, word: str, rest: list[str]) -> bool:
    """Whether a flag is allowed; takes its value off `rest` where it has one."""
    if word in form.flags or (len(word) > 1 and word[0] == "-" and all(char in form.letters for char in word[1:])):
        return True
    name, given, value = word.partition("=")
    pattern = form.valued.get(name)
    if pattern is None or (given and not name.startswith("--")):
        return False
    if not given:
        if not rest:
            return False
        value = rest.pop(0)
    # A value that looks like a flag is one for some programs.
    return not value.startswith("-") and pattern.fullmatch(value) is not None
