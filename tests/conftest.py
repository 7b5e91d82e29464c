"""Fixtures and options that every test may use."""

from hypothesis import HealthCheck, settings

# How long an example takes is the machine's affair, and measured by the benchmarks.
settings.register_profile("opstwin", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("opstwin")

pytest_plugins = [
    "tests.plugins.promises",
    "tests.plugins.postgres",
    "tests.plugins.engine",
    "tests.plugins.cluster",
    "tests.plugins.metric_servers",
    "tests.plugins.image_registry",
]
