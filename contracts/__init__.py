"""What can be said on the line: data only; imports nothing else of the project."""
