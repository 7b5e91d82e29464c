"""From a workload or a container to the manifests that run it on Kubernetes, each decision explained.

Deterministic: the same input gives the same bytes. No language model, no cluster, no clock.
"""
