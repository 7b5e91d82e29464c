"""Faces of the hub: the HTTP API made from the tool registry, streams, login and approval pages.

Rules do not belong here.
"""
