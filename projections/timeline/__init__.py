"""One row for each event of a call, in the order of the log."""
