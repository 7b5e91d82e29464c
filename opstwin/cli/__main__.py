"""`python -m opstwin.cli` is the same as `opstwin`."""

from opstwin.cli.main import main

main()
