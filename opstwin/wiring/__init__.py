"""The composition root: settings become services; the one place that builds things.

Decisions do not belong here, and nothing below may import it.
"""
