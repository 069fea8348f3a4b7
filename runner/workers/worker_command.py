"""How a worker's process is started, here and on other machines. It imports next to nothing."""

import sys

# The descriptor of its link is added. Nothing beside a user's script can get in its way (-P).
WORKER_COMMAND = (sys.executable, "-P", "-m", "headrace.runner.worker_main")
# Sealing is one thread's work in each of them; polars reads this when it is loaded.
ONE_THREAD = {"POLARS_MAX_THREADS": "1"}
