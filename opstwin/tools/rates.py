"""How often one credential, or one address without one, may call. Kept in memory: each hub process counts for itself.

The generic cell rate algorithm: one number for each caller, no list of past calls. A caller that was quiet may use a
whole minute's calls at once; after that they come back evenly over the minute.
"""

import ipaddress
import math
from dataclasses import dataclass, field
from typing import Final

from opstwin.clock import Clock
from opstwin.errors import LimitExceeded
from opstwin.settings import Settings

MINUTE_S: Final = 60.0
MOST_CALLERS: Final = 20_000
"""Callers remembered for one limit, about 3 MB. Beyond it those are forgotten that called longest ago."""

_IPV6_NETWORK: Final = 64
"""One customer of a provider has at least a /64, so single IPv6 addresses are not counted (RFC 6177)."""


@dataclass(slots=True)
class Limit:
    """So many calls a minute for each key; 0 is any number."""

    per_minute: int
    clock: Clock
    _full_at_s: dict[str, float] = field(default_factory=dict)

    def wait_s(self, key: str, calls: int = 1) -> float:
        """0 and the calls are taken; or the seconds until there are as many to take, and nothing is taken."""
        if not self.per_minute:
            return 0.0
        now_s = self.clock.monotonic_s()
        full_at_s = max(self._full_at_s.pop(key, 0.0), now_s)
        after_s = full_at_s + calls * MINUTE_S / self.per_minute
        # A float that was added up sixty thousand times is off by far less than this.
        over_s = after_s - now_s - MINUTE_S - 1e-6
        self._full_at_s[key] = full_at_s if over_s > 0 else after_s
        if len(self._full_at_s) > MOST_CALLERS:
            del self._full_at_s[next(iter(self._full_at_s))]
        return max(0.0, over_s)


class Rates:
    """The limits of one hub process. Every method raises `LimitExceeded` that says when to come again."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._calls = Limit(settings.rate_per_minute, clock)
        self._changes = Limit(settings.rate_changes_per_minute, clock)
        self._open = Limit(settings.rate_open_per_minute, clock)
        self._failed = Limit(settings.rate_failed_sign_ins_per_minute, clock)

    def request(self, credential: str) -> None:
        """One request with a valid credential."""
        _take(self._calls, credential, "requests with this credential", "rate_per_minute")

    def change(self, credential: str) -> None:
        """One call of a tool that changes something; also one that is refused, for that is written into the audit."""
        _take(self._changes, credential, "calls that change something", "rate_changes_per_minute")

    def without_credential(self, address: str) -> None:
        """One request without a credential."""
        _take(self._open, network_of(address), "requests without a credential", "rate_open_per_minute")

    def failed_sign_in(self, address: str) -> None:
        """One request with a wrong credential, or one try of a login code."""
        setting = "rate_failed_sign_ins_per_minute"
        _take(self._failed, network_of(address), "tries to sign in", setting)


def network_of(address: str) -> str:
    """What an address is counted as: itself, or the /64 that an IPv6 address belongs to."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ip.ipv4_mapped or ipaddress.ip_network((ip, _IPV6_NETWORK), strict=False))
    return str(ip)


def _take(limit: Limit, key: str, what: str, setting: str) -> None:
    wait_s = limit.wait_s(key)
    if not wait_s:
        return
    seconds = math.ceil(wait_s)
    raise LimitExceeded(
        f"Too many {what}: at most {limit.per_minute} a minute.",
        next_step=f"Wait {seconds} s and send it again. The hub's setting {setting} says how many.",
        details={"limit": setting, "per_minute": limit.per_minute},
        retry_after_s=float(seconds),
    )
