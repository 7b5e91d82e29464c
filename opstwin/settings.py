"""Settings of the hub: defaults, then `/etc/opstwin/config.toml`, the user's file, and `OPSTWIN_…` variables."""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from platformdirs import user_data_path
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import from_json

from opstwin.configuration import (
    LOCAL_ENGINE,
    PREFIX,
    config_files,
    has_ai,
    local_engine,
    read_config,
    written_as,
)
from opstwin.errors import InvalidInput

_THIS_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "::1"})
DEFAULT_PORT: Final = 7373
_LAST_PORT: Final = 65535
_PLACE: Final = re.compile(
    r"\[(?P<v6>[^\]]+)\](?::(?P<p6>[0-9]{1,5}))?|(?P<v4>[^:]+)(?::(?P<p4>[0-9]{1,5}))?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class AllowedPlace:
    """A network (of one address, often) and a port; None is every port."""

    network: ipaddress.IPv4Network | ipaddress.IPv6Network
    port: int | None = None


def _place_of(text: str) -> AllowedPlace:
    found = _PLACE.fullmatch(text.strip())
    host, port = (found["v6"] or found["v4"], found["p6"] or found["p4"]) if found else (text.strip(), None)
    try:
        place = AllowedPlace(ipaddress.ip_network(host), None if port is None else int(port))
    except ValueError:
        place = None
    if place is None or (place.port is not None and not 1 <= place.port <= _LAST_PORT):
        raise ValueError(f"{text[:200]!r} is no IP address or network; write it like 127.0.0.1:18080 or [::1]:18080")
    return place


class ModelProvider(BaseModel):
    """One place that answers for a language model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["openai", "anthropic", "azure", "compatible"] = Field(
        description="Whose wire it speaks; `compatible`: any server with OpenAI's `/chat/completions`."
    )
    model: str = Field("", max_length=200, description="The model's name; with Azure that of the deployment.")
    credential: str = Field(
        "", pattern=r"^((env|file):[A-Za-z0-9_.-]{1,255})?$", description="`env:NAME` or `file:NAME` with its key."
    )
    base_url: str = Field("", description="Where it answers; needed for `azure` (the endpoint) and `compatible`.")
    api_version: str = Field("2025-04-01-preview", description="Version of Azure's API.")
    insecure: bool = Field(False, description="Whether http:// may be used beyond this machine.")
    thinking_tokens: int = Field(
        4096, ge=0, description="Room for what a model thinks, beyond the answer; none for `compatible`."
    )
    input_usd: float | None = Field(None, ge=0, description="Price of a million input tokens, in place of the table's.")
    output_usd: float | None = Field(None, ge=0, description="Price of a million output tokens.")

    @model_validator(mode="after")
    def _complete(self) -> "ModelProvider":
        needs = {"azure": ("base_url", "model"), "compatible": ("base_url", "model")}.get(self.kind, ())
        for name in needs:
            if not getattr(self, name):
                raise ValueError(f"{name} is needed for {self.kind}")
        if self.base_url and not _is_address(self.base_url, bare=False, plain=self.insecure):
            raise ValueError("base_url must be https://…, or http://… on this machine or with insecure = true")
        if (self.input_usd is None) != (self.output_usd is None):
            raise ValueError("input_usd and output_usd are set together or not at all")
        return self


class ModelSettings(BaseModel):
    """Language models: which, in which order, and how much may be asked of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    providers: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")], ModelProvider] = Field(
        default_factory=dict, description="Providers by a name of your choice."
    )
    order: tuple[str, ...] = Field((), description="Whom to ask, and whom when that one fails; default: as written.")
    from_environment: bool = Field(
        True, description="Without providers: whether the usual variables, such as `OPENAI_API_KEY`, name one."
    )
    temperature: float | None = Field(None, ge=0, le=2, description="Sent where nothing else is; unset: the model's.")
    max_tokens: int | None = Field(
        None, ge=1, description="Most tokens of one answer, where Opstwin would allow it more; unset: what it allows."
    )
    connect_timeout_s: float = Field(5.0, gt=0, description="How long connecting may take.")
    read_timeout_s: float = Field(
        120.0, gt=0, description="How long a provider may be silent; it is so until an unstreamed answer is whole."
    )
    total_timeout_s: float = Field(180.0, gt=0, description="How long one answer may take in all.")
    attempts: int = Field(3, ge=1, le=6, description="Requests to one provider for one answer, the first included.")
    requests_per_minute: int = Field(60, ge=0, description="Requests a minute to one provider; 0: any number.")
    tokens_per_minute: int = Field(0, ge=0, description="Tokens a minute, input and room for output; 0: any number.")
    tokens_per_day: int = Field(0, ge=0, description="Tokens of one UTC day, input and output; 0: any number.")
    usd_per_day: float = Field(0.0, ge=0, description="Dollars of one UTC day; 0: any. Needs models with a price.")
    cache_s: float = Field(86_400.0, ge=0, description="How long an answer is kept for the same request; 0: not.")
    cache_entries: int = Field(500, ge=1, le=100_000, description="Answers that are kept.")

    @model_validator(mode="after")
    def _known(self) -> "ModelSettings":
        for name in self.order:
            if name not in self.providers:
                raise ValueError(f"order names {name[:40]}, and no provider is called so")
        return self


class KnowledgeSettings(BaseModel):
    """How past deployments are remembered, and who may see whose."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    index: Literal["exact", "chroma"] = Field(
        "exact", description="Where vectors are kept: in memory, or with Chroma in data_dir/knowledge."
    )
    embeddings: Path | None = Field(
        None, description="Folder with a sentence-transformers model; without one, words and known fields are compared."
    )
    registries: tuple[str, ...] = Field(
        (), description="Hosts that images of examples may come from, such as `docker.io`; default: any."
    )
    tenants: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")], tuple[str, ...]] = Field(
        default_factory=dict, description="Organisations that share the hub and not their past: name and its accounts."
    )

    @model_validator(mode="after")
    def _once(self) -> "KnowledgeSettings":
        people = [person for accounts in self.tenants.values() for person in accounts]
        twice = next((person for person in people if people.count(person) > 1), None)
        if twice is not None:
            raise ValueError(f"{twice[:40]} is in two tenants")
        if "hub" in self.tenants:
            raise ValueError("hub is everybody who is in no tenant; choose another name")
        return self


class ChatSettings(BaseModel):
    """How much one turn of a conversation may take of a language model; beyond it the turn goes on without."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int = Field(8, ge=1, le=50, description="Answers of a model in one turn; the last is without tools.")
    tokens: int = Field(60_000, ge=1_000, description="Tokens of one turn, input and output.")
    seconds: float = Field(120.0, gt=0, description="How long a model may take in one turn.")
    usd: float = Field(0.5, ge=0, description="Dollars of one turn; 0: any. An unknown price is not counted.")


class Settings(BaseModel):
    """Everything that can be set. `docs/settings.md` lists the same fields; a test compares them."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    data_dir: Path = Field(
        default_factory=lambda: user_data_path("opstwin"), description="Where the hub keeps its files."
    )
    database_url: str = Field("", description="Twin database; empty means SQLite in the data directory.")
    host: str = Field("127.0.0.1", description="Address the hub listens on.")
    port: int = Field(DEFAULT_PORT, ge=0, le=65535, description="Port the hub listens on; 0 picks a free one.")
    replicas: int = Field(1, ge=1, description="Hub processes that share the database; more than 1 needs PostgreSQL.")
    policy: Literal["two-person", "solo"] = Field(
        "two-person", description="Whether somebody other than the requester must approve high risk."
    )
    allowed_hosts: tuple[str, ...] = Field((), description="Host names, besides loopback, that requests may name.")
    allowed_origins: tuple[str, ...] = Field((), description="Web origins, besides the hub's own, that may call.")
    allowed_agent_endpoints: tuple[str, ...] = Field(
        (), description="Addresses or networks, with or without `:port`, that AI clients may name without a person."
    )
    docker_socket: str = Field(
        LOCAL_ENGINE,
        description="Docker Engine that becomes the target `local` when it answers. Not set: `DOCKER_HOST`, else the "
        "first of this socket, `$XDG_RUNTIME_DIR/docker.sock` and `~/.docker/run/docker.sock` that is there.",
    )
    detect_docker: bool = Field(True, description="Whether to look for the local Docker Engine at start.")
    clusters: tuple[dict[str, Any], ...] = Field(
        (), description="Targets that are added, or changed, at each start: the `clusters:` of a YAML file, or JSON."
    )
    secrets_dir: Path | None = Field(
        None, description="Folder behind `file:NAME` references; default: data_dir/secrets."
    )
    registries_file: Path | None = Field(
        None, description="YAML file whose `registries:` may be asked; default: data_dir/registries.yaml."
    )
    policy_file: Path | None = Field(
        None, description="Company policy (Markdown) that drafts keep to; default: data_dir/policy.md."
    )
    manifest_policy: Path | None = Field(
        None, description="YAML file with rules for manifests (docs/lint.md) that plans and drafts must keep."
    )
    draft_examples: int = Field(3, ge=0, le=5, description="Past deployments that a model is shown for one draft.")
    pin_images: bool = Field(False, description="Whether plans write the digests of images, and not only tell them.")
    reconcile_interval_s: float = Field(15.0, gt=0, description="Seconds between two looks of the reconciler.")
    metrics_interval_s: float = Field(
        15.0, ge=1, description="Seconds between two measurements of what Opstwin manages and what runs."
    )
    metrics_store: Literal["files", "memory"] = Field(
        "files", description="Where measurements are kept: in data_dir/metrics, or for a day in memory."
    )
    metrics_raw_s: int = Field(172_800, ge=7_200, description="How long measurements are kept as they came.")
    metrics_minutes_s: int = Field(1_209_600, ge=86_400, description="How long minutes of them are kept.")
    metrics_hours_s: int = Field(34_560_000, ge=86_400, description="How long hours of them are kept.")
    metrics_max_bytes: int = Field(
        4 << 30, ge=16 << 20, description="Room for measurements on disk; with more, the oldest go."
    )
    prometheus_url: str = Field("", description="Prometheus or VictoriaMetrics that `metrics_promql` asks.")
    prometheus_credential: str = Field("", description="`env:NAME` or `file:NAME` with its bearer token.")
    remote_write_url: str = Field("", description="Where measurements are sent too, by Prometheus remote write.")
    remote_write_credential: str = Field("", description="`env:NAME` or `file:NAME` with its bearer token.")
    step_timeout_s: float = Field(120.0, gt=0, description="Deadline of one step at a target.")
    hold_s: float = Field(3.0, ge=0, description="How long everything must stay healthy before a plan counts as done.")
    verify_timeout_s: float = Field(
        60.0, gt=0, description="How long verification waits for health, beyond the checks' own time."
    )
    exec_timeout_s: float = Field(300.0, gt=0, le=3600, description="Longest time a command may be given to run.")
    parallel: int = Field(8, ge=1, le=64, description="Steps done at the same time where the plan's order allows.")
    stop_grace_s: int = Field(10, ge=0, le=600, description="Seconds a container gets to stop by itself.")
    crash_backoff_s: float = Field(
        2.0, ge=0, description="How long a hub that keeps crashing waits before it takes up work; doubles each time."
    )
    plan_expires_s: float = Field(86400.0, gt=0, description="How long a plan can be approved and applied.")
    log_level: Literal["DEBUG", "INFO", "WARN", "ERROR"] = Field("INFO", description="Least level that is logged.")
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="`auto`: console on a terminal, else JSON."
    )
    max_body_bytes: int = Field(2 * 1024 * 1024, gt=0, description="Largest request body that is read.")
    request_state_secret: str = Field(
        "", description="Keys (32 or more characters, apart by spaces) for what AI clients bring back; the first seals."
    )
    public_url: str = Field("", description="Where others reach the hub, such as `https://ops.example.com`.")
    oauth_issuer: str = Field("", description="Authorization server whose tokens AI clients may bring to `/mcp`.")
    oauth_jwks_url: str = Field("", description="Where its public keys are fetched. Only this address is asked.")
    oauth_jwks_file: Path | None = Field(None, description="File with its public keys, in place of the address.")
    oauth_audience: str = Field("", description="What a token must be made for; default: `public_url` and `/mcp`.")
    oauth_client_claim: str = Field("client_id", min_length=1, description="Claim with the AI client, else `azp`.")
    oauth_person_claim: str = Field("sub", min_length=1, description="Claim that names the person it acts for.")
    oauth_people: Literal["linked", "by_id"] = Field(
        "linked", description="`linked`: people whom an administrator linked; `by_id`: the claim is the account's id."
    )
    rate_per_minute: int = Field(60_000, ge=0, description="Requests a minute of one credential; 0: any number.")
    rate_changes_per_minute: int = Field(
        120, ge=0, description="Calls a minute of one credential that plan, apply or change anything; 0: any number."
    )
    rate_open_per_minute: int = Field(
        6_000, ge=0, description="Requests a minute of one address without a credential; 0: any number."
    )
    rate_failed_sign_ins_per_minute: int = Field(
        60, ge=0, description="Wrong credentials a minute from one address; 0: any number."
    )
    waiting_plans: int = Field(
        40, ge=0, description="Plans of one requester that may wait for a decision, of the last 10 min; 0: any number."
    )
    models: ModelSettings = Field(
        default_factory=ModelSettings, description="Language models; a table `[models]`, or JSON in the variable."
    )

    knowledge: KnowledgeSettings = Field(
        default_factory=KnowledgeSettings,
        description="Memory of past deployments; a table `[knowledge]`, or JSON in the variable.",
    )

    chat: ChatSettings = Field(
        default_factory=ChatSettings,
        description="What one turn of a conversation may take; a table `[chat]`, or JSON in the variable.",
    )

    @field_validator("models", "knowledge", "chat", "clusters", mode="before")
    @classmethod
    def _table(cls, value: object) -> object:
        return from_json(value) if isinstance(value, str) else value

    @field_validator("allowed_agent_endpoints")
    @classmethod
    def _readable(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            _place_of(text)
        return value

    @property
    def agent_places(self) -> tuple[AllowedPlace, ...]:
        """`allowed_agent_endpoints`, read."""
        return tuple(map(_place_of, self.allowed_agent_endpoints))

    @property
    def url(self) -> str:
        """The twin database's URL."""
        return self.database_url or f"sqlite:///{self.data_dir / 'twin.db'}"

    @property
    def base_url(self) -> str:
        """`public_url` without a slash at its end."""
        return self.public_url.rstrip("/")

    @property
    def secrets_folder(self) -> Path:
        """The folder of secret files."""
        return self.secrets_dir or self.data_dir / "secrets"


def load_settings(
    environ: Mapping[str, str] | None = None,
    files: tuple[Path, ...] | None = None,
    options: Mapping[str, object] | None = None,
) -> Settings:
    """The settings in force; `options` come from the command line and beat all others.

    Raises `InvalidInput` naming the setting and its source.
    """
    variables = os.environ if environ is None else environ
    merged: dict[str, Any] = {}
    for path in files if files is not None else config_files(variables):
        merged |= read_config(path, variables)
    merged |= _from_environment(variables) | dict(options or {})
    if "docker_socket" not in merged:
        merged["docker_socket"] = local_engine(variables)
    try:
        settings = Settings.model_validate(merged)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        step = f"Correct {PREFIX}{name.partition('.')[0].upper()} or the config file."
        if has_ai(merged) and written_as(name) != name:
            name, step = written_as(name), "Correct it in the config file."
        raise InvalidInput(f"Setting {name}: {first['msg']}.", field=name, next_step=step) from error
    if settings.replicas > 1 and settings.url.startswith("sqlite"):
        raise InvalidInput(
            "More than one replica cannot share an SQLite file.",
            field="replicas",
            next_step="Set OPSTWIN_DATABASE_URL=postgresql+psycopg://… or replicas = 1.",
        )
    _check_addresses(settings)
    _check_oauth(settings)
    return settings


def _check_addresses(settings: Settings) -> None:
    for name in ("public_url", "oauth_issuer", "oauth_jwks_url", "prometheus_url", "remote_write_url"):
        value = getattr(settings, name)
        if value and not _is_address(value, bare=name == "public_url"):
            raise InvalidInput(
                f"Setting {name} is not an address that can be trusted: {value[:200]}",
                field=name,
                next_step="Write it with https://; http:// is for this machine only. public_url has no path.",
            )


def _is_address(value: str, *, bare: bool, plain: bool = False) -> bool:
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return False
    plain = parts.scheme == "http" and (plain or parts.hostname in _THIS_MACHINE)
    written = value.isascii() and value.isprintable() and not set(value) & set(' "\\<>') and port != 0
    path = parts.path.strip("/") if bare else ""
    return (parts.scheme == "https" or plain) and bool(parts.hostname) and written and not (
        parts.username or parts.password or parts.fragment or path or (bare and parts.query)
    )  # fmt: skip


def _check_oauth(settings: Settings) -> None:
    keys = [name for name in ("oauth_jwks_url", "oauth_jwks_file") if getattr(settings, name)]
    if not settings.oauth_issuer:
        if keys:
            raise InvalidInput(
                f"{keys[0]} is set, but no oauth_issuer.", field="oauth_issuer", next_step="Set OPSTWIN_OAUTH_ISSUER."
            )
        return
    if len(keys) != 1:
        raise InvalidInput(
            "An oauth_issuer needs one source of its keys.",
            field="oauth_jwks_url",
            next_step="Set either OPSTWIN_OAUTH_JWKS_URL or OPSTWIN_OAUTH_JWKS_FILE.",
        )
    if not settings.public_url:
        raise InvalidInput(
            "An oauth_issuer needs public_url: clients ask for tokens for that very address.",
            field="public_url",
            next_step="Set OPSTWIN_PUBLIC_URL=https://…",
        )


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in Settings.model_fields:
        value = environ.get(PREFIX + name.upper())
        if value is not None and value != "":
            found[name] = value.split(",") if name.startswith("allowed_") else value
    return found
