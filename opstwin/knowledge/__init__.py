"""What worked before: the index of past deployments and how it is searched. No prompts, no store of its own truth."""
