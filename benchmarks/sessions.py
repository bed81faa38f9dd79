"""What many sessions leave behind: the memory of a Space, and its disk, over thousands of visitors.

    python benchmarks/sessions.py [--sessions 10000] [--python .venv-gradio-5.20.1/bin/python] [option ...]

The other options are the Space's.
Each visitor uploads a picture of its own, asks one question about it, reads the answer and never comes
back. The line that counts is the last: how much the second half of them added.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[1]
PICTURE = (ROOT / "phi4_server" / "examples" / "hills.png").read_bytes()
API = "/gradio_api"


async def visit(http: httpx.AsyncClient) -> None:
    """One turn with a picture, in a session of its own."""
    session = uuid.uuid4().hex
    picture = PICTURE + session.encode()  # what follows a picture's end is no part of it
    files = {"files": ("hills.png", picture)}
    paths = (await http.post(f"{API}/upload", files=files)).raise_for_status().json()
    named = [{"path": path, "meta": {"_type": "gradio.FileData"}} for path in paths]
    message = {"text": "How large is this picture?", "files": named}
    body = {"session_hash": session, "fn_index": 10, "data": [[], message, None]}
    history = (await http.post(f"{API}/run/predict", json=body)).raise_for_status().json()["data"][0]
    body = {"session_hash": session, "fn_index": 11, "data": [history, None]}
    (await http.post(f"{API}/queue/join", json=body)).raise_for_status()
    async with http.stream("GET", f"{API}/queue/data", params={"session_hash": session}) as stream:
        lines = [line async for line in stream.aiter_lines()]
    if not any('"success":true' in line and "process_completed" in line for line in lines):
        raise RuntimeError(f"no answer: {lines}")


async def measure(url: str, pid: int, folder: Path, sessions: int, at_once: int) -> None:
    """Sends the visitors and prints, ten times, what the Space holds."""
    step = max(1, sessions // 10)
    seen: list[float] = []
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as http:
        for done in range(0, sessions, step):
            began = time.monotonic()
            line = asyncio.Queue[None]()
            for _ in range(step):
                line.put_nowait(None)
            await asyncio.gather(*(_work(http, line) for _ in range(at_once)))
            seen.append(memory(pid))
            rate = step / (time.monotonic() - began)
            count, size = disk(folder)
            held = f"{seen[-1]:7.1f} MB of memory  {count:6} files  {size:7.1f} MB of disk"
            print(f"{done + step:7} sessions  {held}  {rate:5.1f} a second", flush=True)
    half = len(seen) // 2
    print(f"the second half added {seen[-1] - seen[half - 1]:.1f} MB")


async def _work(http: httpx.AsyncClient, line: asyncio.Queue[None]) -> None:
    while not line.empty():
        line.get_nowait()
        await visit(http)


def memory(pid: int) -> float:
    """A process's resident memory, in MB; Linux only."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def disk(folder: Path) -> tuple[int, float]:
    """How many files a folder holds, and how many MB."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return len(sizes), sum(sizes) / 1e6


def main() -> None:
    """Starts a Space, measures it and stops it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--python", default=sys.executable, help="an interpreter with another Gradio")
    known, options = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": folder}
        command = [known.python, "-m", "phi4_server", "--port", "0", *options]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as space:  # noqa: S603  this very Space
            try:
                url = space.stdout.readline().split()[-1] if space.stdout else ""
                asyncio.run(measure(url, space.pid, Path(folder), known.sessions, known.at_once))
            finally:
                space.terminate()


if __name__ == "__main__":
    main()
