"""From a request to a draft: what a model is told, what it may fill in, and how its answer is checked. No effects."""
