"""An example plugin: one component, found by its entry point."""
