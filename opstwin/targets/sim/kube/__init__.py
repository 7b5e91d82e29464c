"""A semantic fake of a Kubernetes API server: a pure state machine, its controllers, and the HTTP face that serves it.

It holds what clients can observe of a server. What it must not do is decide anything for Opstwin.
"""
