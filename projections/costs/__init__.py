"""What each call used up, by kind and provider; prices are a table beside it."""
