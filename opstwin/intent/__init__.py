"""The deterministic reader of requests: words, workload files and Compose files become Workloads or changes.

It never guesses; what is missing or ambiguous is said by name.
"""
