"""What was said, sentence by sentence, and how to search it."""
