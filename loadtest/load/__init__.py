"""Load: callers in real time against the platform, or a peer, and what that cost.

`scenario` says who calls and how; `crowd` is a process full of callers; `systems` are what they
call; `run` brings them together; `figures` are what comes of it. See docs/performance.md.
"""
