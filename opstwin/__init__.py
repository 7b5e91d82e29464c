"""Opstwin: a conversational operations agent over one digital twin.

Nothing belongs here but this text; import from the parts.
"""
