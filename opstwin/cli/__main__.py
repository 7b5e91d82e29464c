"""`python -m opstwin.cli` is the same as `opstwin`."""

from opstwin.cli.entry import main

main()
