"""Where the `opstwin` command begins. An AI client waits for `opstwin mcp`, so that loads only what it needs."""

import sys


def main() -> None:
    """Run the command line and exit with a code from `opstwin.cli.exits`."""
    if sys.argv[1:2] == ["mcp"]:
        from opstwin.cli.mcp_options import options_of

        options = options_of(sys.argv[2:])
        if options is not None:
            from opstwin.cli.mcp_shim import serve

            serve(options)
    from opstwin.cli.main import main as every_verb

    every_verb()
