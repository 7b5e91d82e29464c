"""English: the clauses that known words make."""

from collections.abc import Mapping
from typing import Final

from opstwin.intent.clauses import Rule, rule, rules

TARGET: Final = rules("ON TARGET? <target> TARGET?")
_TARGETS: Final = (*rules("TO|FROM TARGET <target>", "TARGET <target>"), *TARGET)
_NAME: Final = (rule("WORKLOAD? <name> WORKLOAD?", first=True),)
_REPLICAS: Final = rules("<count> REPLICAS", "REPLICAS TO? <count>")
_SIZES: Final = rules(
    "TO? <memory> OF? MEMORY",
    "TO? <cpu> OF? CPU",
    "MEMORY OF|ON <name> TO <memory>",
    "CPU OF|ON <name> TO <cpu>",
    "MEMORY TO|OF? <memory>",
    "CPU TO|OF? <cpu>",
)
_UP_TO: Final = rules(
    "DIRECTION? TO <count> REPLICAS?",
    "REPLICAS TO <count>",
    "REPLICAS OF <name>",
    "TO <memory> OF? MEMORY",
    "TO <cpu> OF? CPU",
    "MEMORY OF <name> TO <memory>",
    "CPU OF <name> TO <cpu>",
    "MEMORY TO <memory>",
    "CPU TO <cpu>",
    "IMAGE? TO <image>",
    "IMAGE OF <name>",
)
"""With verbs that say "more" or "less", an amount without "to" is a difference, and those are not read."""

_PORTS: Final = rules("ON|AT? PORT <port>+")
_ENV: Final = (rule("ENV <pair>+", "env"),)
_BOUNDS: Final = rules(
    "BETWEEN <least> AND <most> REPLICAS?",
    "FROM <least> TO <most> REPLICAS?",
    "AT_LEAST <least> REPLICAS?",
    "AT_MOST <most> REPLICAS?",
    "AT|TO? <percent> OF? CPU USE?",
    "CPU USE? AT|TO|OF? <percent>",
)
_AUTOSCALING: Final = (rule("AUTOSCALING", "autoscale"), *_BOUNDS)
_PLACES: Final = (
    rule("COMPOSE WORKLOAD|PROJECT NAMED? <project>?", "project"),
    rule("<project> COMPOSE WORKLOAD|PROJECT", "project"),
    *rules("TO|ON TARGET? <target> TARGET?", "FROM TARGET? <source> TARGET?"),
)

FRAMES: Final[Mapping[str, tuple[Rule, ...]]] = {
    "deploy": (
        *_AUTOSCALING,
        *rules(
            "<count> REPLICAS OF <image>",
            "FROM|USING? IMAGE? <image>",
            "<untagged> AS|NAMED WORKLOAD? <name>",
            "<untagged_path>",
            "FROM|USING IMAGE? <untagged>",
            "IMAGE <untagged>",
            "AS|NAMED WORKLOAD? <name>",
            "NAME <name>",
        ),
        *_REPLICAS,
        *_PORTS,
        *_SIZES,
        *_ENV,
        *rules("VOLUME <volume>+", "<volume> VOLUME"),
        *_TARGETS,
        *rules("TO <target>"),
        *_NAME,
    ),
    "scale": (*_UP_TO, *_TARGETS, *_NAME),
    "autoscale": (
        *rules("AUTOSCALING OF|TO? WORKLOAD? <name> WORKLOAD?", "AUTOSCALING"),
        *_BOUNDS,
        *_TARGETS,
        *_NAME,
    ),
    "unscale": (
        *rules("AUTOSCALING OF|FROM? WORKLOAD? <name> WORKLOAD?", "AUTOSCALING", "OF WORKLOAD? <name>"),
        *_TARGETS,
        *_NAME,
    ),
    "move": (*_AUTOSCALING, *_PLACES, *_NAME),
    "copy": (*_AUTOSCALING, *_PLACES, *_NAME),
    "upgrade": (*rules("IMAGE? TO <image>", "IMAGE OF <name>", "TO VERSION? <untagged>"), *_TARGETS, *_NAME),
    "change": (
        *rules(
            "IMAGE? TO? <image>",
            "TO IMAGE <image>",
            "IMAGE OF <name>",
            "TO <count> REPLICAS",
            "REPLICAS OF <name> TO <count>",
            "IMAGE TO <untagged>",
        ),
        *_REPLICAS,
        *_SIZES,
        *_ENV,
        rule("<pair>+"),
        rule("ENV <any_key> TO <value>", "env"),
        *rules("<key> TO <value>", "TO|FROM TARGET <target>", "TARGET <target>", "ON TARGET <target>"),
        *rules("ON <target> TARGET", "ON <place>", "OF WORKLOAD? <name>", "TO VERSION? <untagged>"),
        *_NAME,
    ),
    "unset": (
        *rules("ENV <any_key>+", "<key>+", "ON TARGET <target>", "ON|FROM <place>", "OF <name>"),
        *_NAME,
    ),
    "add": (
        *_ENV,
        *rules("<pair>+", "PORT <port>+", "ON TARGET? <target>", "TO WORKLOAD? <name>"),
    ),
    "expose": (
        *_PORTS,
        *rules("ON|AT <port>+", "ON TARGET <target>", "ON <place>", "OF WORKLOAD? <name>"),
        *_NAME,
    ),
    "delete": (
        rule("AND|WITH|INCLUDING ALL? DATA|VOLUME", "volumes"),
        rule("BUT|AND KEEP DATA|VOLUME", "keep"),
        *_TARGETS,
        *_NAME,
    ),
    "rollback": (
        *rules("LAST OF|ON|TO <name>", "PREVIOUS"),
        *_TARGETS,
        *_NAME,
    ),
    "roll": (rule("BACK", "back"), *rules("PREVIOUS"), *_TARGETS, *_NAME),
    "restart": (*_TARGETS, *_NAME),
    "stop": (*_TARGETS, *_NAME),
    "start": (rule("<image>"), *rules("AS|NAMED <name>"), *_TARGETS, *_NAME),
}
