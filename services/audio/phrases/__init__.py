"""Recorded words for when nothing else can speak: the line is never dead.

`one_moment.ulaw` was made once with flite's voice slt and is plain mu-law, 8 kHz, mono:

    flite -voice slt -t "One moment please, I will be right back with you." -o one_moment.wav
    sox one_moment.wav -r 8000 -c 1 -t ul one_moment.ulaw gain -n -4
"""

from functools import cache
from importlib import resources


@cache
def one_moment() -> bytes:
    """ "One moment please, I will be right back with you." as mu-law."""
    return resources.files(__name__).joinpath("one_moment.ulaw").read_bytes()
