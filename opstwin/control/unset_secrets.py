"""Secrets that a plan refers to and the hub has no value for now: told before somebody approves what would fail.

Only of containers: a cluster is asked what it says to a draft, and what it would get is worked out for that.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from opstwin.domain.plan import Change, Op
from opstwin.domain.workload import check_secret_reference
from opstwin.errors import InvalidInput, Rejected
from opstwin.targets.secrets import SecretSource

_MAKING: Final = frozenset({Op.CREATE, Op.REPLACE})
"""What looks secrets up: a container that runs already keeps what it was made with."""


async def unset_secrets(changes: Sequence[Change], secrets: SecretSource) -> Mapping[str, Sequence[str]]:
    """By workload: the references (`env:NAME`, `file:NAME`) of what would be made that have no value to be used now."""
    wanted: dict[str, set[str]] = {}
    for change in changes:
        if change.kind == "container" and change.op in _MAKING:
            wanted.setdefault(change.workload or change.name, set()).update(_references(change))
    if not any(wanted.values()):
        return {}
    found = await asyncio.to_thread(lambda: {name: _unset(sorted(refs), secrets) for name, refs in wanted.items()})
    return {name: missing for name, missing in found.items() if missing}


def _references(change: Change) -> Iterator[str]:
    named = (change.after or {}).get("secret_env")
    for reference in named.values() if isinstance(named, dict) else ():
        try:
            yield check_secret_reference(str(reference))
        except InvalidInput:
            # Whatever it is, it may be a secret, and is told nowhere.
            continue


def _unset(references: Sequence[str], secrets: SecretSource) -> list[str]:
    found = []
    for reference in references:
        try:
            secrets.resolve(reference)
        except Rejected:
            found.append(reference)
    return found
