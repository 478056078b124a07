"""Become another program that ends when its parent ends and, if asked, does not run as root.

    python -I -S tethered.py PARENT_PID DEATH_SIGNAL [--not-root FOLDER] PROGRAM [ARGUMENT...]

Linux sends DEATH_SIGNAL when the parent's *thread* that started us ends, however it ends, `kill -9`
included (prctl(2), PR_SET_PDEATHSIG). Elsewhere nothing is sent; the next start ends what was left
(`infra/children.py`).

PostgreSQL refuses to run as uid 0. `--not-root` changes nothing for an ordinary user. For root it
enters a user namespace in which our uid has another number: the kernel's uid stays, so files under
folders that only root can enter stay in reach. Where namespaces are forbidden (most containers) it
becomes the account `nobody` and keeps the one capability that lets it pass those folders. FOLDER is
made to belong to the uid that will use it.

Runs before every child, so: standard library only, and few imports.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG, _PR_SET_KEEPCAPS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 1, 8, 47, 2
_CLONE_NEWUSER = 0x10000000
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522
_NOBODY = 65534  # as on nearly every system; initdb wants a uid that has a name

_libc = ctypes.CDLL(None, use_errno=True)


def main(arguments: list[str]) -> None:
    """Replace this process by the program the arguments name. Never returns."""
    parent, death_signal, *command = arguments
    if command[0] == "--not-root":
        _, folder, *command = command
        leave_root(folder)
    # After leave_root: the kernel forgets the death signal when a process changes its credentials.
    tie_to(int(parent), signal.Signals(int(death_signal)))
    os.execv(command[0], command)


def tie_to(parent: int, death_signal: signal.Signals) -> None:
    """Have the kernel send us `death_signal` when `parent` is gone. Exits when it already is."""
    if sys.platform == "linux":
        _check(_libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0))
    if os.getppid() != parent:  # it ended before the kernel was told
        sys.exit("the process that wanted this program has ended")


def leave_root(folder: str) -> None:
    """See to it that `geteuid()` is not 0 from now on, and that `folder` belongs to us.

    Raises: OSError where root can neither enter a user namespace nor become `nobody`.
    """
    if os.geteuid() != 0:
        return
    if works(enter_namespace):
        give(folder, 0)
        enter_namespace()
    elif works(become_nobody):
        give(folder, _NOBODY)
        become_nobody()
    else:
        raise OSError("it refuses to run as root: start Partyline as an ordinary user")


def works(step: Callable[[], None]) -> bool:
    """Try `step` in a fork: one that fails half-way would leave us as nobody in particular."""
    probe = os.fork()
    if probe == 0:
        try:
            step()
        except (OSError, AttributeError):  # AttributeError: not a call of this system
            os._exit(1)
        os._exit(0)
    return os.waitpid(probe, 0)[1] == 0


def enter_namespace() -> None:
    """Enter a user namespace that shows us as `nobody`. Raises OSError where that is forbidden."""
    uid, gid = os.geteuid(), os.getegid()
    _check(_libc.unshare(_CLONE_NEWUSER))
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{_NOBODY} {uid} 1")
    _write("/proc/self/gid_map", f"{_NOBODY} {gid} 1")


def become_nobody() -> None:
    """Become `nobody`, and keep through exec the right to enter others' folders. OSError."""
    _check(_libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0))
    os.setgroups([])
    os.setresgid(_NOBODY, _NOBODY, _NOBODY)
    os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    bit = 1 << _CAP_DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    effective_permitted_inheritable = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
    _check(_libc.capset(header, effective_permitted_inheritable))
    _check(_libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0))


def give(folder: str, owner: int) -> None:
    """Make `folder` and all in it belong to `owner`, unless it does already or is not there yet."""
    if not os.path.exists(folder) or os.stat(folder).st_uid == owner:
        return
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(os.path.join(place, name), owner, -1, follow_symlinks=False)
    os.chown(folder, owner, -1)  # last: its owner says that all of it is done


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def _check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except OSError as refused:
        sys.exit(f"cannot run this program: {refused}")
