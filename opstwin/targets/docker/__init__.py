"""The driver for Docker Engines, on the `docker` SDK; built by `opstwin.targets.docker.driver.docker_driver`.

Decisions do not belong here, and nothing outside this package may know the SDK. Secrets pass through on their way to
a container and are kept, logged and shown nowhere.
"""
