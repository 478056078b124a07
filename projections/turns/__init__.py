"""One row for each turn of a call: what was said, answered and heard, and each wait."""
