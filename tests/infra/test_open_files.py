"""A process that was started with room for few sockets gets room for many."""

import subprocess
import sys

SCRIPT = """
import resource, socket
from infra.open_files import allow_many_files
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
allow_many_files()
sockets = [socket.socket() for _ in range(200)]
soft, now_hard = resource.getrlimit(resource.RLIMIT_NOFILE)
print(len(sockets), soft == min(hard, 65_536), now_hard == hard)
"""


def test_a_process_started_with_room_for_few_sockets_gets_room_for_many() -> None:
    ran = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert (ran.stderr, ran.stdout.split()) == ("", ["200", "True", "True"])
