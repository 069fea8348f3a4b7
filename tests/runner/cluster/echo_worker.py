"""A worker that does as it is told: a process with a journal and a link, and nothing else.

python -I -S echo_worker.py DESCRIPTOR
Each line is an order. `in DIRECTORY`: write there. `write FILE TEXT`: append a line to a segment,
and then say it. `die WORDS`: say so on standard error, and end at once. `hang`: heed the end of
the link no more. Any other line is said again.
"""

import os
import signal
import socket
import sys


def main() -> None:
    link = socket.socket(fileno=int(sys.argv[1]))
    directory, patient = "", False
    link.recv(1)  # what it is handed before any message
    with link, link.makefile("rb") as lines:
        for line in lines:
            order, _, rest = line.decode().rstrip("\n").partition(" ")
            match order:
                case "in":
                    directory = rest
                case "write":
                    file, _, text = rest.partition(" ")
                    with open(os.path.join(directory, "journal", file), "a") as journal:
                        journal.write(text + "\n")
                case "die":
                    sys.stderr.write(f"more\n{rest}\n")
                    sys.stderr.flush()
                    os._exit(3)
                case "hang":
                    patient = True
            link.sendall(line)
    while patient:
        signal.pause()


if __name__ == "__main__":
    main()
