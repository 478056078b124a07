"""Revisions of agents, from the stream AGENTS: no call's events, so with a runner of its own."""
