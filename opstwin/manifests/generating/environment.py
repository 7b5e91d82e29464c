"""The environment and the command of a container: plain values to a ConfigMap, secrets to a Secret by reference."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from opstwin.domain.values import Json, digest_of
from opstwin.errors import LimitExceeded
from opstwin.logs import looks_secret
from opstwin.manifests.generating.images import Known
from opstwin.manifests.generating.info import ContainerInfo
from opstwin.manifests.generating.naming import beside
from opstwin.manifests.generating.results import Level, Notes, SecretNeed
from opstwin.manifests.generating.secrecy import holds_secret, is_secret

MAX_CONFIG_BYTES: Final = 1024 * 1024 - 64 * 1024
"""A ConfigMap holds 1 MiB; what is not data needs some of it."""

_SHORT_PASSWORD: Final = re.compile(r"-p\S+")
_MYSQL: Final = re.compile(r"(^|/)(mysql|mariadb)\w*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The environment split in two, and the command without secrets.

    `plain` goes to the ConfigMap `config`, `secrets` (key → reference) to the Secret `secret`. `program` takes the
    place of the image's entrypoint, `args` of its command.
    """

    config: str
    secret: str
    plain: Mapping[str, str]
    secrets: Mapping[str, str]
    args: tuple[str, ...] | None
    program: tuple[str, ...] | None = None
    working_dir: str = ""

    def needs(self) -> tuple[SecretNeed, ...]:
        """What the Secret must hold."""
        return tuple(SecretNeed(secret=self.secret, key=key, reference=self.secrets[key]) for key in self.secrets)


def environment_of(info: ContainerInfo, known: Known | None, notes: Notes) -> Environment:
    """Splits environment and command. Raises `LimitExceeded` when the plain values do not fit in one ConfigMap."""
    plain = {key: value for key, value in info.env_vars.items() if not is_secret(key, value)}
    hidden = {key: f"env:{_variable(key)}" for key in info.env_vars if key not in plain}
    for key in sorted(hidden):
        notes.find("env_secret", Level.DIFFERS, f"env.{key}", key=key, reference=hidden[key])
    for key, value in known.env if known is not None else ():
        plain.setdefault(key, value)
    args, from_args = _args(info, notes)
    program, from_program = _program(info, notes)
    secrets = {**info.secret_env, **hidden, **from_args, **from_program}
    if (
        sum(len(key.encode()) + len(value.encode("utf-8", "replace")) for key, value in plain.items())
        > MAX_CONFIG_BYTES
    ):
        raise LimitExceeded(
            f"The variables of {info.name} do not fit in one ConfigMap.",
            next_step="Put large values into files of the image or of a volume.",
            details={"field": "env", "limit": MAX_CONFIG_BYTES, "unit": "bytes"},
        )
    return Environment(
        config=beside(info.name, "config"),
        secret=beside(info.name, "secrets"),
        plain={key: plain[key] for key in sorted(plain)},
        secrets={key: secrets[key] for key in sorted(secrets)},
        args=args,
        program=program,
        working_dir=info.working_dir,
    )


def container_settings(settings: Environment, notes: Notes) -> dict[str, Json]:
    """The fields `command`, `workingDir`, `args`, `envFrom` and `env` of the container."""
    fields: dict[str, Json] = {}
    if settings.program is not None:
        fields["command"] = [*settings.program]
        notes.why("command", [*settings.program], "program", "request")
    if settings.working_dir:
        fields["workingDir"] = settings.working_dir
        notes.why("workingDir", settings.working_dir, "working_dir", "request")
    if settings.args is not None:
        fields["args"] = [*settings.args]
        notes.why("args", [*settings.args], "args", "request")
    if settings.plain:
        fields["envFrom"] = [{"configMapRef": {"name": settings.config}}]
        notes.why("envFrom[0].configMapRef.name", settings.config, "config", "env", count=len(settings.plain))
    if settings.secrets:
        fields["env"] = [
            {"name": key, "valueFrom": {"secretKeyRef": {"name": settings.secret, "key": key}}}
            for key in settings.secrets
        ]
        for number, key in enumerate(settings.secrets):
            notes.why(f"env[{number}].valueFrom.secretKeyRef.key", key, "secret", "secret reference")
    return fields


def config_marks(settings: Environment) -> dict[str, str]:
    """The annotation of the pods that changes with the values, so that a change reaches pods that run."""
    if not settings.plain:
        return {}
    return {"opstwin.io/config": digest_of(dict(settings.plain)).removeprefix("sha256:")[:16]}


def _args(info: ContainerInfo, notes: Notes) -> tuple[tuple[str, ...] | None, dict[str, str]]:
    return _without_secrets(info, info.command, "command", notes)


def _program(info: ContainerInfo, notes: Notes) -> tuple[tuple[str, ...] | None, dict[str, str]]:
    return _without_secrets(info, info.entrypoint, "entrypoint", notes)


def _without_secrets(
    info: ContainerInfo, given: Sequence[str] | None, field: str, notes: Notes
) -> tuple[tuple[str, ...] | None, dict[str, str]]:
    """The words, secrets among them by reference, and those references."""
    if given is None:
        return None, {}
    words: list[str] = []
    moved: dict[str, str] = {}
    names = {*info.env_vars, *info.secret_env}
    for number, word in enumerate(given):
        if not _word_is_secret(given, number):
            words.append(_literal(word, names))
            continue
        key = _free(f"{field.upper()}_WORD_{number}", names)
        reference = f"env:{_variable(info.name)}_{key}"
        moved[key] = reference
        words.append(f"$({key})")
        notes.find("arg_secret", Level.DIFFERS, f"{field}[{number}]", number=number + 1, reference=reference)
    return tuple(words), moved


def words_hold_secret(words: Sequence[str]) -> bool:
    """Whether any word of a command is, or holds, a secret."""
    return any(_word_is_secret(words, number) for number in range(len(words)))


def _word_is_secret(words: Sequence[str], number: int) -> bool:
    word, before = words[number], words[number - 1] if number else ""
    if holds_secret(word):
        return True
    if word.startswith("-"):
        return _SHORT_PASSWORD.fullmatch(word) is not None and _MYSQL.search(words[0]) is not None
    return before.startswith("-") and "=" not in before and looks_secret(before.lstrip("-"))


def _literal(word: str, names: set[str]) -> str:
    """`word` so that Kubernetes does not put variables into it, which no container engine does."""
    for name in names:
        word = word.replace(f"$({name})", f"$$({name})")
    return word


def _free(key: str, names: set[str]) -> str:
    while key in names:
        key += "_"
    return key


def _variable(name: str) -> str:
    """`name` as the name of a variable of the hub."""
    return re.sub(r"[^A-Za-z0-9_]", "_", name).upper()
