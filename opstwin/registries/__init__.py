"""OCI registries: tags to digests, and which tags there are. It reads only, and knows nothing of plans or the twin."""
