"""The caller's leg: takes calls from a carrier, hears the caller, and plays what the agent says.

A call comes in by `on_ring`, its sound by `on_media`; `answering` makes a `line` of the two. On
the line the `ear` hears the caller and the `mouth` plays the agent; what happens goes into the
log by `journaling`, and what the call's actor decides comes back by `decisions`.
"""
