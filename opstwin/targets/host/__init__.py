"""The driver of the hub's own host: it looks at the machine, and runs commands in a sandbox of their own.

Decisions do not belong here, nor any way to run something outside the sandbox.
"""
