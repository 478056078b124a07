"""One row for each turn and stage: where the caller's wait went."""
