"""The vendors on loopback as something to telephone with: they hear, answer and speak.

    python -m vendors.by_hand [COMPANY ...] [--port 9100] [--instant]

They are as strict as in the tests, keep to the vendors' published latencies unless told to answer
at once, and need no key but their own. What they hear they know by its very frames: the recordings
of the example agent. What they answer is what the passages in the prompt say. They speak with
espeak-ng.
"""
