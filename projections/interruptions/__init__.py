"""One row for each reply that was given up: who or what cut it, and what came then."""
