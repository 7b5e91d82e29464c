"""What an image brings along by itself, so that it is not mistaken for something that was asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Found = Mapping[str, Any]
"""An engine's own JSON, as it came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageDefaults:
    """The part of an image's config that containers inherit. It never changes for one image id.

    `known` is False when the image is gone: then nobody can say what came from it.
    """

    known: bool = True
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    exposed_ports: frozenset[str] = frozenset()
    health: Found = field(default_factory=dict)
    user: str = ""
    working_dir: str = ""


UNKNOWN_IMAGE = ImageDefaults(known=False)


def defaults_of(image: Found) -> ImageDefaults:
    """The defaults of an inspected image."""
    config: Found = image.get("Config") or {}
    return ImageDefaults(
        command=tuple(config.get("Cmd") or ()),
        entrypoint=tuple(config.get("Entrypoint") or ()),
        env=env_of(config),
        labels=dict(config.get("Labels") or {}),
        exposed_ports=frozenset(config.get("ExposedPorts") or {}),
        health=config.get("Healthcheck") or {},
        user=str(config.get("User") or ""),
        working_dir=str(config.get("WorkingDir") or ""),
    )


def env_of(config: Found) -> dict[str, str]:
    """The environment in a config, as a mapping."""
    pairs = (str(item).partition("=") for item in config.get("Env") or ())
    return {key: value for key, _, value in pairs}
