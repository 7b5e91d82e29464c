"""Safe loading of YAML (and so JSON) text: bounded, without tags, every fault with its line and column."""

from io import StringIO
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.scanner import Scanner, ScannerError

from opstwin.errors import InvalidInput
from opstwin.intent.nodes import Node
from opstwin.intent.yaml_building import Builder
from opstwin.intent.yaml_faults import MAX_DEPTH, place_at, syntax, too_big, too_deep, unprintable

MAX_BYTES: Final = 1024 * 1024


def load_documents(text: str) -> tuple[Node, ...]:
    """The documents of `text`; empty ones are left out.

    Raises `LimitExceeded` above 1 MiB, 10,000 values (aliases written out) or 32 levels, before more is read, and
    `InvalidInput` with line and column for everything else: syntax, duplicate keys, tags, directives.
    """
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise too_big("The text is larger than 1 MiB.", "Split it into smaller files.", "bytes", MAX_BYTES)
    yaml = YAML(typ="safe", pure=True)
    yaml.Scanner = _BoundedScanner
    try:
        return tuple(Builder(yaml.parse(StringIO(text))).documents())
    except ReaderError as error:
        raise unprintable(text, error) from error
    except MarkedYAMLError as error:
        raise syntax(error) from error
    except (YAMLError, ValueError, OverflowError) as error:  # the latter two for escapes beyond Unicode
        raise InvalidInput("The text is not YAML.", next_step="Check its syntax.") from error


class _BoundedScanner(Scanner):
    """Refuses depth and directives where they are scanned, so that nothing is read ahead of the refusal."""

    def fetch_flow_collection_start(self, token_class: Any, to_push: str) -> None:
        if len(self.flow_context) >= MAX_DEPTH:
            raise too_deep(place_at(self.reader.get_mark()))
        super().fetch_flow_collection_start(token_class, to_push)

    def fetch_directive(self) -> None:
        raise ScannerError(None, None, "lines that begin with % are not read", self.reader.get_mark())
