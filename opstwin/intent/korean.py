"""Korean: the clauses that known words make. Their order is free; the particles say what each is."""

import re
from collections.abc import Mapping
from typing import Final

from opstwin.intent.clauses import Rule, rule, rules

_NEGATION: Final = re.compile(r"지\s?마|지\s?말|지\s?않|말아|말고|안\s?[가-힣]|금지|빼고|제외|없이|대신")
_QUESTION: Final = re.compile(r"(?:까|까요|나요|가요|니|냐|되나|돼|되요|돼요|인가|는지)\W{0,3}$")
_RELATIVE: Final = re.compile(r"더|추가로|만큼|배로")


def has_negation(text: str) -> bool:
    """Whether the text says what not to do. Decides on the message only: no such word is in the grammar."""
    return _NEGATION.search(text) is not None


def has_question(text: str) -> bool:
    """Whether the text ends like a question. Decides on the message only, as above."""
    return _QUESTION.search(text) is not None


def has_relative(text: str) -> bool:
    """Whether the text names a difference. Decides on the message only, as above."""
    return _RELATIVE.search(text) is not None


_P: Final = "OBJ|SUBJ|TO"
_TARGETS: Final = rules(
    f"TARGET {_P}|GEN? <target> AT|IN|TO?",
    "<target> TARGET AT|IN|TO|GEN?",
    "<target> IN",
)
_OF_TARGET: Final = rules("<target> GEN WORKLOAD? <name> WORKLOAD? OBJ|SUBJ?")
_AT_TARGET: Final = rules("<target> AT")
_NAMED: Final = rules(
    "<name> CALLED NAME? TO?",
    f"NAME {_P}? <name> TO?",
    "<name> NAME TO",
)
_NAME: Final = rules("WORKLOAD? <name> WORKLOAD? OBJ|SUBJ?")
_COUNTS: Final = rules(
    f"REPLICAS|HOW_MANY HOW_MANY? {_P}|GEN? <count> COUNT? {_P}?",
    f"<count> COUNT? GEN? REPLICAS HOW_MANY? {_P}?",
    f"<count> COUNT {_P}?",
)
_PORTS: Final = rules(f"<port>+ ORDINAL? PORT {_P}|AT|IN?", f"PORT {_P}? <port>+ ORDINAL? {_P}|AT?")
_SIZES: Final = rules(
    f"MEMORY LIMIT? {_P}|GEN? <memory> {_P}?",
    f"<memory> GEN? MEMORY LIMIT? {_P}?",
    f"CPU LIMIT? {_P}|GEN? <cpu> COUNT? CPU? {_P}?",
    f"<cpu> GEN? CPU LIMIT? {_P}?",
)
_UP_TO: Final = rules(
    f"REPLICAS|HOW_MANY HOW_MANY? {_P}|GEN? <count> COUNT? TO",
    "<count> COUNT? GEN? REPLICAS HOW_MANY? TO",
    "<count> COUNT TO",
    f"MEMORY LIMIT? {_P}|GEN? <memory> TO",
    f"CPU LIMIT? {_P}|GEN? <cpu> COUNT? CPU? TO",
    f"IMAGE {_P}? <image> TO",
    "<image> VERSION? TO",
)
"""With verbs that say "more" or "less", an amount without 로 is a difference, and those are not read."""

_ENV: Final = (
    rule(f"ENV VALUE? {_P}? <pair>+ VALUE? {_P}?", "env"),
    rule(f"<pair>+ ENV {_P}?", "env"),
)
_SIMPLE: Final = (*_TARGETS, *_OF_TARGET, *_AT_TARGET, *_NAME)
_IMAGE: Final = rules(f"IMAGE {_P}? <image> {_P}?", f"<image> IMAGE|WORKLOAD|VERSION? {_P}?")

_BOUNDS: Final = rules(
    "<least> COUNT? IN <most> COUNT? REPLICAS? UNTIL REPLICAS? OBJ|TO?",
    f"LEAST REPLICAS? {_P}? <least> COUNT? {_P}|IN?",
    f"MOST REPLICAS? {_P}? <most> COUNT? {_P}|UNTIL?",
    f"CPU USE? {_P}|GEN? <percent> BASIS? {_P}|AT|IN?",
)
_AUTOSCALING: Final = (rule("AUTOSCALING OBJ|TO|AND? TOGETHER?", "autoscale"), *_BOUNDS)
_MOVE: Final = (
    *_AUTOSCALING,
    rule(f"COMPOSE WORKLOAD|PROJECT <project>? {_P}?", "project"),
    rule(f"<project> COMPOSE WORKLOAD|PROJECT {_P}?", "project"),
    *rules(
        "TARGET <target> TO|AT",
        "<target> TARGET? TO|AT",
        "TARGET <source> IN",
        "<source> TARGET? IN",
        "<source> TARGET? GEN WORKLOAD? <name> WORKLOAD? OBJ|SUBJ?",
    ),
    *_NAME,
)
_SCALING: Final = (
    *rules("<name> GEN AUTOSCALING OBJ|SUBJ?", "AUTOSCALING OBJ|TO|SUBJ?"),
    *_BOUNDS,
    *_TARGETS,
    *_OF_TARGET,
    *rules("<place> AT", "<name> GEN"),
    *_NAME,
)

_DEPLOY: Final = (
    *_AUTOSCALING,
    *_IMAGE,
    *_NAMED,
    *_COUNTS,
    *_PORTS,
    *_SIZES,
    *_ENV,
    *rules(f"VOLUME {_P}? <volume>+ {_P}?", f"<volume>+ VOLUME {_P}?"),
    *_TARGETS,
    *_AT_TARGET,
    *rules("<untagged> IMAGE OBJ|TO?", "<untagged> OBJ <name> TO", "<untagged_path> OBJ?", "<name> TO"),
    *_NAME,
)
_CHANGE: Final = (
    *_IMAGE,
    *_COUNTS,
    *_SIZES,
    *_ENV,
    rule(f"<pair>+ {_P}?"),
    rule(f"ENV {_P}? <any_key> VALUE? {_P} <value> TO", "env"),
    rule(f"<key> ENV VALUE? {_P}? <value> TO", "env"),
    *rules(f"<key> VALUE? {_P} <value> TO"),
    *_TARGETS,
    *_OF_TARGET,
    *rules("<place> AT", "<name> GEN", "IMAGE OBJ|TO? <untagged> VERSION? TO", "<untagged> VERSION? TO"),
    *_NAME,
)

FRAMES: Final[Mapping[str, tuple[Rule, ...]]] = {
    "deploy": _DEPLOY,
    "run": _DEPLOY,
    "scale": (*_UP_TO, *_TARGETS, *_OF_TARGET, *rules("<place> AT", "<name> GEN"), *_NAME),
    "autoscale": _SCALING,
    "unscale": _SCALING,
    "move": _MOVE,
    "copy": _MOVE,
    "upgrade": (
        *_IMAGE,
        *_TARGETS,
        *_OF_TARGET,
        *_AT_TARGET,
        *rules("<name> GEN", "<untagged> VERSION? TO"),
        *_NAME,
    ),
    "change": _CHANGE,
    "add": (*_PORTS, *_ENV, rule(f"<pair>+ {_P}?"), *_TARGETS, *_OF_TARGET, *rules("<place> AT"), *_NAME),
    "unset": (
        *rules(f"ENV {_P}? <key>+ {_P}?", f"ENV {_P}? <any_key> {_P}", f"<key>+ ENV? {_P}?"),
        *rules(f"TARGET {_P}|GEN? <target> AT|IN?", "<target> TARGET AT|IN|GEN?"),
        *_OF_TARGET,
        *rules("<place> AT|IN", "<name> GEN"),
        *_NAME,
    ),
    "expose": (*_PORTS, *_TARGETS, *_OF_TARGET, *rules("<place> AT", "<name> GEN"), *_NAME),
    "delete": (
        rule("<name> AND DATA|VOLUME AND DATA|VOLUME OBJ|ALSO|UNTIL? TOGETHER?", "volumes"),
        rule("<name> AND DATA|VOLUME OBJ|ALSO|UNTIL? TOGETHER?", "volumes"),
        rule("<name> OBJ DATA|VOLUME ALSO|UNTIL TOGETHER?", "volumes"),
        rule("<name> OBJ DATA|VOLUME AND TOGETHER", "volumes"),
        rule("<name> OBJ DATA|VOLUME OBJ? TOGETHER", "volumes"),
        rule("DATA|VOLUME AND TOGETHER", "volumes"),
        *_TARGETS,
        *_OF_TARGET,
        *_AT_TARGET,
        *_NAME,
    ),
    "rollback": (
        *rules("WORKLOAD? <name> WORKLOAD? GEN LAST OBJ?", "LAST OBJ", "PREVIOUS TO"),
        *_TARGETS,
        *_OF_TARGET,
        *_AT_TARGET,
        *_NAME,
    ),
    "restart": _SIMPLE,
    "stop": _SIMPLE,
    "start": _SIMPLE,
}
