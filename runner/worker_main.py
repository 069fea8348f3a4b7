"""The process of a worker, from its first line on: what belongs to all of it is set before anything
large is imported.

    python -P -m headrace.runner.worker_main DESCRIPTOR
"""

import sys

from .main import own_process


def main() -> None:
    """Be a worker on the link of this descriptor."""
    own_process()
    from .worker import main as work  # loads all that a session needs

    work(int(sys.argv[1]))


if __name__ == "__main__":
    main()
