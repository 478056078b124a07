"""One row for each time a gateway had a call's line: its frames, and how it was lost."""
