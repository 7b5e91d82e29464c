"""The tools as AI clients are offered them, kept in a file: what a client approved does not change unseen.

python -m tests.interaction.golden_tools      writes the file anew
"""

import json
from pathlib import Path
from typing import Any

from opstwin.server.mcp.choosing import Choice
from opstwin.server.mcp.offers import offer
from opstwin.tools.all_tools import REGISTRY

FILE = Path(__file__).with_name("golden_tools.json")


def definitions() -> list[dict[str, Any]]:
    """The default set, as it goes over the wire."""
    offered = (offer(tool) for tool in REGISTRY if Choice().has(tool))
    return [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in offered]


if __name__ == "__main__":
    FILE.write_text(json.dumps(definitions(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
