"""What is shown of values that may be secrets, and how a masked value finds its way back into a container. Pure."""

from collections.abc import Mapping, Sequence

from opstwin.domain.values import Spec
from opstwin.errors import Rejected
from opstwin.logs import MASK, masked, redacted
from opstwin.targets.docker.composing import names, texts
from opstwin.targets.docker.defaults import Found, env_of
from opstwin.targets.docker.marks import marks_of
from opstwin.targets.own_secrets import OwnSecrets, both, entrusted, own_secrets

NEXT_STEP = "Give it as a reference: secret_env with env:NAME or file:NAME."


def shown_env(key: str, value: str, asked: str | None, *, managed: bool) -> str:
    """A variable as it is shown. What a person wrote into a spec stays as it is; all else is masked if it looks so."""
    return value if managed and asked == value else masked(key, value)


def secrets_of(found: Found) -> OwnSecrets:
    """What the container was given as secrets, to be masked in what it writes and in what is run in it.

    What its marks name as `secret_env` is one whatever it is called, and whatever the hub has for its reference now.
    """
    config = found.get("Config") or {}
    env, references = env_of(config), texts(marks_of(config.get("Labels")).spec or {}, "secret_env")
    given = [value for key, value in env.items() if key in references]
    others = [(key, value) for key, value in env.items() if key not in references]
    known = (str(found.get("Name") or "").lstrip("/"), str(config.get("Image") or ""))
    return both(own_secrets(others, known, given), entrusted(given))


def shown_words(words: Sequence[str], asked: Sequence[str], *, managed: bool) -> list[str]:
    """A command as it is shown, by the same rule."""
    if managed and list(words) == list(asked):
        return list(words)
    return [redacted(word) for word in words]


def unmasked_env(spec: Spec, old: Mapping[str, str]) -> dict[str, str]:
    """The variables of `spec`; a masked one takes its value from `old`, the container that is being replaced.

    Raises `Rejected` when there is none: a mask is no value.
    """
    return {key: _unmasked(key, value, old.get(key)) for key, value in texts(spec, "env").items()}


def unmasked_words(spec: Spec, field: str, old: Sequence[str]) -> list[str] | None:
    """The `command` or `entrypoint` of `spec`, with masked words taken from `old`; raises like `unmasked_env`."""
    words = names(spec, field)
    if not any(MASK in word for word in words):
        return words or None
    if [redacted(word) for word in old] == words:
        return list(old)
    raise Rejected(
        f"The {field} holds a masked secret.", next_step=f"Write the {field} anew.", details={"field": field}
    )


def _unmasked(key: str, value: str, old: str | None) -> str:
    if MASK not in value:
        return value
    if old is not None and masked(key, old) == value:
        return old
    raise Rejected(f"The value of {key} is masked and not known.", next_step=NEXT_STEP, details={"field": "env"})
