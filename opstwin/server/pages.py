"""The HTML pages as text, made from the answers of tools. Everything from outside is escaped.

The plan's page shows the structured changes alone: neither the request nor a note that a model wrote is on it, so no
words can make a delete look like a scaling.
"""

import html
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from opstwin.domain.plan_text import plan_lines, safe, summary_line
from opstwin.server.page_style import STYLE
from opstwin.server.page_words import words

_CLASSES: Final = (("-/+", "mod"), ("+", "add"), ("-", "del"), ("~", "mod"), ("#", "why"))
