"""Sound as the telephone has it: mu-law, 8 kHz, mono, in frames of 20 ms.

A pure library: no clock, no network, no task. `mulaw` and `resample` change formats, `frames` is
the payload of the audio plane, `vad` finds speech, `wav` reads and writes files, `phrases` holds
recorded words for when nothing else can speak.
"""
