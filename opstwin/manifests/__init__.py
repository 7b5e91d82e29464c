"""Kubernetes manifests as plain data: made from workloads, read, written, merged and checked.

Pure: no I/O, no clock, no cluster. Drivers, tools and faces above use it; it knows the domain and nothing else.
"""
