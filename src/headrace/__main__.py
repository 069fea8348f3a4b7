"""`python -m headrace` is the command `headrace`."""

from headrace.runner.main import main

main(prog_name="headrace")
