"""How hard we can push: callers in real time against the platform as users run it."""
