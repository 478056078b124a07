"""How fast the tables are made anew, beside what PostgreSQL and a peer can do on this machine.

bench       a log, and the rebuilds measured on it: sizes, workers, twice the same
log         the log: made-up calls, as many as are wanted, kept for another time
once        one rebuild in a process of its own, so that its memory is its own
memory      what processes held at most, from /proc
copying     PostgreSQL's limit: rows like the timeline's into a table without indexes
digests     whether two databases hold the same rows
peer        the same kind of work by the library `eventsourcing`, which is no dependency of ours
live        from stored to visible while calls go on, with `following` as the follower
"""
