"""The chat's face: turns that run, their events as AG-UI writes them, and threads in the twin. No decisions."""
