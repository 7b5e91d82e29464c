"""The fixtures that the protocol's official test suite calls by name, served on the hub's own HTTP stack.

They are for that suite alone: no other part imports them, and they reach no target and no person.
"""
