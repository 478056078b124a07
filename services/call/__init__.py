"""The call's actor: its rules, its state, and the shell that records what it decides."""
