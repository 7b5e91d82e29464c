"""Plain data and pure rules: targets, resources, plans, approvals, executions, audit.

No I/O, no clock and no randomness belong here; callers pass moments and ids in.
"""
