"""Safe loading of YAML (and so JSON) text: bounded, without tags, every fault with its line and column."""

from functools import cache
from io import StringIO
from typing import Any, ClassVar, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.scanner import Scanner, ScannerError

from opstwin.errors import InvalidInput
from opstwin.manifests.nodes import Node
from opstwin.manifests.yaml_building import Builder, Limits
from opstwin.manifests.yaml_faults import place_at, syntax, too_big, too_deep, unprintable

USUAL: Final = Limits()
MAX_BYTES: Final = USUAL.size_bytes


def load_documents(text: str, limits: Limits = USUAL) -> tuple[Node, ...]:
    """The documents of `text`; empty ones are left out.

    Raises `LimitExceeded` above the limits (usually 1 MiB, 10,000 values with aliases written out, 32 levels), before
    more is read, and `InvalidInput` with line and column for everything else: syntax, duplicate keys, tags, directives.
    """
    most = limits.size_bytes
    if len(text) > most or len(text.encode("utf-8", "surrogatepass")) > most:
        raise too_big(f"The text is larger than {most >> 20} MiB.", "Split it into smaller files.", "bytes", most)
    yaml = YAML(typ="safe", pure=True)
    yaml.Scanner = _scanner(limits.depth)
    try:
        return tuple(Builder(yaml.parse(StringIO(text)), limits).documents())
    except ReaderError as error:
        raise unprintable(text, error) from error
    except MarkedYAMLError as error:
        raise syntax(error) from error
    except (YAMLError, ValueError, OverflowError) as error:  # the latter two for escapes beyond Unicode
        raise InvalidInput("The text is not YAML.", next_step="Check its syntax.") from error


@cache
def _scanner(depth: int) -> type[Scanner]:
    return type("DeepScanner", (_BoundedScanner,), {"depth": depth})


class _BoundedScanner(Scanner):
    """Refuses depth and directives where they are scanned, so that nothing is read ahead of the refusal."""

    depth: ClassVar[int]

    def fetch_flow_collection_start(self, token_class: Any, to_push: str) -> None:
        if len(self.flow_context) >= self.depth:
            raise too_deep(place_at(self.reader.get_mark()), self.depth)
        super().fetch_flow_collection_start(token_class, to_push)

    def fetch_directive(self) -> None:
        raise ScannerError(None, None, "lines that begin with % are not read", self.reader.get_mark())
