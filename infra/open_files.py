"""How many files and sockets this process may have open."""

import resource
from typing import Final

_WANTED: Final = 65_536


def allow_many_files() -> None:
    """Raise the limit to 65,536, or as far as the system lets us without asking anybody.

    Each line is a socket, and the usual limit is 1,024: a thousand strangers would leave no place
    for a caller.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED if hard == resource.RLIM_INFINITY else min(_WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
