"""The command line: a thin client of the HTTP API.

Nothing here reads the twin or a target directly.
"""
