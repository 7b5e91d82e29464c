"""A deterministic container engine inside the process: for tests, for trying Opstwin out, and for failing on demand.

It refuses what a real engine refuses. Nothing here may be reached by a driver of a real target.
"""
