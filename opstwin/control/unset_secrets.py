"""Secrets that a plan refers to and the hub does not have now: told before somebody approves what would fail."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence

from opstwin.domain.plan import Change
from opstwin.domain.values import Json
from opstwin.errors import Rejected
from opstwin.targets.secrets import SecretSource

_BY_VARIABLE = "secret_env"
_BY_KEY = "secretRef"


async def unset_secrets(changes: Sequence[Change], secrets: SecretSource) -> Mapping[str, Sequence[str]]:
    """By the name of what would be made or changed: the references (`env:NAME`, `file:NAME`) without a value now."""
    wanted: dict[str, set[str]] = {}
    for change in changes:
        wanted.setdefault(change.name, set()).update(references_in(dict(change.after or {})))
    found = await asyncio.to_thread(lambda: {name: _unset(sorted(refs), secrets) for name, refs in wanted.items()})
    return {name: missing for name, missing in found.items() if missing}


def references_in(value: Json) -> Iterator[str]:
    """The references in what a resource is made with, whichever kind of target it is for."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == _BY_VARIABLE and isinstance(item, dict):
                yield from (reference for reference in item.values() if isinstance(reference, str))
            elif key == _BY_KEY and isinstance(item, str):
                yield item
            else:
                yield from references_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from references_in(item)


def _unset(references: Sequence[str], secrets: SecretSource) -> list[str]:
    found = []
    for reference in references:
        try:
            secrets.resolve(reference)
        except Rejected:
            found.append(reference)
    return found
