"""What the tests stand on: selection by promised id, a private PostgreSQL, a Docker Engine with a tiny image."""
