"""`python -m runner` is `headrace`."""

from .main import main

main(prog_name="headrace")
