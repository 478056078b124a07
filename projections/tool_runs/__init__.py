"""One row for each use of a tool."""
