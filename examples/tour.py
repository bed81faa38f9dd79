"""Runs the frameworks' examples, one after the other, on a Space of its own: python examples/tour.py."""

import os
import subprocess
import sys
import time
from pathlib import Path

from phi4_server import embedded_space

HERE = Path(__file__).parent
STOPS = {
    "LangChain: a streamed chain, an image, audio": "langchain/chat.py",
    "LangChain: an agent with tools": "langchain/agent.py",
    "LlamaIndex: an answer from this project's own documents": "llama_index/rag.py",
    "LlamaIndex: the right image is found, and asked about": "llama_index/multimodal_retrieval.py",
}

began = time.monotonic()
with embedded_space() as url:
    for title, example in STOPS.items():
        print(f"\n{title}  (examples/{example})", flush=True)
        command = [sys.executable, str(HERE / example)]
        subprocess.run(command, env={**os.environ, "PHI4_SPACE": url}, check=True)  # noqa: S603 - our own
print(f"\nDone in {time.monotonic() - began:.1f} s; the Space is stopped.")
