"""Checks on Kubernetes manifests, without a cluster: schemas, references, values, Pod Security, user policy.

Pure. The only file that is read is the packaged `data/kubernetes.json.xz` (made by `tests/schemas/making.py`).
"""
