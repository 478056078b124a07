"""When the program began: imported before all that takes long."""

import time
from typing import Final

STARTED: Final = time.monotonic()
