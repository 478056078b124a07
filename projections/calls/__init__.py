"""One row for each call: who, when, how it went, why it ended."""
