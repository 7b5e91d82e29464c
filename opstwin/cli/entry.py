"""Where the `opstwin` command begins. An AI client waits for `opstwin mcp`, and `opstwin up` runs for months, so these
two load only what they need."""

import sys
from collections.abc import Sequence


def main() -> None:
    """Run the command line and exit with a code from `opstwin.cli.exits`."""
    verb, words = sys.argv[1:2], sys.argv[2:]
    if verb == ["mcp"]:
        _serve_a_client(words)
    elif verb == ["up"]:
        _start_a_hub(words)
    from opstwin.cli.main import main as every_verb

    every_verb()


def _serve_a_client(words: Sequence[str]) -> None:
    """Does not return, unless the words are for the option parser."""
    from opstwin.cli.mcp_options import options_of

    options = options_of(words)
    if options is not None:
        from opstwin.cli.mcp_shim import serve

        serve(options)


def _start_a_hub(words: Sequence[str]) -> None:
    """Does not return, unless the words are for the option parser."""
    from opstwin.cli.up import options_of, run

    options = options_of(words)
    if options is not None:
        sys.exit(run(options, words))
