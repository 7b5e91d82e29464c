"""Benchmarks: `make bench` prints one JSON. Each figure stands beside a baseline measured in the same run."""
