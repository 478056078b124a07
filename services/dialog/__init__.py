"""The dialog role: hosts calls' actors and does what their decisions owe."""
