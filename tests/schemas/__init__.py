"""Makes the packaged schemas of Kubernetes. No tests here, and nothing that runs in the product."""
