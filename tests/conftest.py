"""Fixtures and options that every test may use."""

pytest_plugins = [
    "tests.plugins.promises",
    "tests.plugins.postgres",
    "tests.plugins.engine",
    "tests.plugins.cluster",
    "tests.plugins.metric_servers",
    "tests.plugins.image_registry",
]
