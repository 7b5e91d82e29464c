"""A digest of the tools that are offered: who approved them can tell whether they are still the same.

Clients that pin tool definitions compare such a digest before they trust a description again.
"""

from collections.abc import Iterable

from opstwin.domain.values import Digest, Json, canonical, digest_of
from opstwin.tools.compacting import input_schema
from opstwin.tools.describing import annotations
from opstwin.tools.registry import AnyTool


def digest_of_offer(tools: Iterable[AnyTool]) -> Digest:
    """One value for names, texts, hints and inputs of the tools, whatever their order."""
    return digest_of(sorted((_pinned(tool) for tool in tools), key=canonical))


def _pinned(tool: AnyTool) -> Json:
    return {
        "name": tool.name, "title": tool.title, "purpose": tool.purpose, "annotations": dict(annotations(tool)),
        "input": dict(input_schema(tool)),
    }  # fmt: skip
