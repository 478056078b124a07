"""One row for each thing that went wrong in a call: at which stage, and what followed."""
