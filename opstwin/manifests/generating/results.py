"""What the generator hands back, and how it collects reasons on the way."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from opstwin.domain.values import Json
from opstwin.manifests.forms import Decision, Manifest
from opstwin.manifests.generating.words import FINDINGS, WHYS


class Level(StrEnum):
    """`lost`: the manifests do not do it. `differs`: they do it another way. `advice`: it works and could be better."""

    LOST = "lost"
    DIFFERS = "differs"
    ADVICE = "advice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that whoever applies the manifests should know. `field` is the field of the workload it comes from."""

    workload: str
    code: str
    level: Level
    field: str
    text: str
    text_ko: str
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretNeed:
    """A key that the Secret `secret` must hold. `reference` is where Opstwin's hub takes the value from."""

    secret: str
    key: str
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """Manifests in the order in which they are applied, what was noticed, and the reasons in words.

    `reasoning` names the past deployments that were taken into account, `cited` holds their ids.
    """

    manifests: tuple[Manifest, ...]
    findings: tuple[Finding, ...] = ()
    secrets: tuple[SecretNeed, ...] = ()
    reasoning: str = ""
    reasoning_ko: str = ""
    cited: tuple[str, ...] = ()

    @property
    def unsupported(self) -> tuple[Finding, ...]:
        """What the workload says and the manifests do not do."""
        return tuple(finding for finding in self.findings if finding.level is Level.LOST)

    def of_kind(self, kind: str) -> tuple[Manifest, ...]:
        """The manifests of one kind, for example `Deployment`."""
        return tuple(manifest for manifest in self.manifests if manifest.kind == kind)


@dataclass(slots=True)
class Notes:
    """Collects decisions of one manifest, and findings. `prefix` is put before every path."""

    workload: str
    prefix: str = ""
    decisions: list[Decision] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def below(self, prefix: str) -> "Notes":
        """Notes that write into the same lists, with paths below `prefix`."""
        return Notes(self.workload, _joined(self.prefix, prefix), self.decisions, self.findings)

    def apart(self) -> "Notes":
        """Notes of another manifest: decisions of its own, the same findings."""
        return Notes(self.workload, "", [], self.findings)

    def why(self, path: str, value: Json, code: str, source: str, **words: object) -> None:
        """Say why `path` has `value`; `code` names the sentence in `words.WHYS`."""
        english, korean = WHYS[code]
        shown = _shown({**words, "source": source})
        self.decisions.append(
            Decision(
                path=_joined(self.prefix, path),
                value=value,
                why=english.format_map(shown),
                why_ko=korean.format_map(shown),
                source=source,
            )
        )

    def find(self, code: str, level: Level, field_name: str, **words: object) -> None:
        """Add what `words.FINDINGS` says under `code`, once."""
        english, korean, next_step = FINDINGS[code]
        shown = _shown(words)
        finding = Finding(
            workload=self.workload, code=code, level=level, field=field_name, text=english.format_map(shown),
            text_ko=korean.format_map(shown), next_step=next_step.format_map(shown),
        )  # fmt: skip
        if finding not in self.findings:
            self.findings.append(finding)


def _joined(prefix: str, path: str) -> str:
    return f"{prefix}.{path}" if prefix and path else prefix or path


def _shown(words: Mapping[str, object]) -> dict[str, str]:
    return {key: str(value) for key, value in words.items()}
