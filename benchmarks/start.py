"""A fresh process: what importing costs, and its first turn at 100 ms.

Imports are CPU time within a process that has imported nothing else. The framework's own import is that of
the class that the adapter's model stands on. The first turn is of an embedded Space; the floor, too, reads
/config there. Connections cost two round trips, and names are not resolved.
"""

from __future__ import annotations

import subprocess
import sys

from benchmarks.child import ROOT, printed
from benchmarks.figure import Effort, Figure, Report, at_most, difference, ratio
from benchmarks.wire import wires
from phi4_server import embedded_space
from phi4_server.scripted import Script

_IMPORTS = {
    "httpx": "import httpx",
    "phi4_space": "import phi4_space",
    "LangChain": "from langchain_core.language_models import BaseChatModel",
    "langchain_phi4": "import langchain_phi4",
    "LlamaIndex": "from llama_index.core.llms.function_calling import FunctionCallingLLM",
    "llama_index_phi4": "import llama_index_phi4",
}
_SCRIPT: Script = [{"when": ".", "text": "That is short enough, I think."}]
_RTT = 0.1


def measure(effort: Effort) -> Report:
    """Imports first."""
    seen: dict[str, list[float]] = {name: [] for name in _IMPORTS}
    for _ in range(effort(7, 1)):
        for name, code in _IMPORTS.items():
            seen[name].append(_import(code))
    figures = [
        Figure("import phi4_space / httpx", ratio(seen["phi4_space"], seen["httpx"]), goal=at_most(1.3)),
        Figure(
            "import langchain_phi4 / LangChain",
            ratio(seen["langchain_phi4"], seen["LangChain"]),
            goal=at_most(1.05),
        ),
        Figure(
            "import llama_index_phi4 / LlamaIndex",
            ratio(seen["llama_index_phi4"], seen["LlamaIndex"]),
            goal=at_most(1.05),
        ),
    ]
    with embedded_space(script=_SCRIPT) as url, wires(url, [_RTT]) as (far,):
        return Report(figures + _first_turns(far, effort(5, 1)))


def _import(code: str) -> float:
    program = f"import time; began = time.process_time(); {code}; print(time.process_time() - began)"
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True, cwd=ROOT)  # noqa: S603  our own
    return float(done.stdout)


def _first_turns(url: str, rounds: int) -> list[Figure]:
    contracts = {"two steps": "process_message", "chat_completion": "chat_completion"}
    asked = {
        **{
            f"{who}, {name}": (who, contract)
            for name, contract in contracts.items()
            for who in ("floor", "ours")
        },
        "gradio_client": ("gradio_client", "process_message"),
    }
    turns: dict[str, list[float]] = {name: [] for name in asked}
    whole: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(rounds):
        for name, words in asked.items():
            turn, all_of_it = printed("benchmarks.first_turn", *words, url)
            turns[name].append(turn)
            whole[name].append(all_of_it)
    figures = []
    for name in contracts:
        pair = (f"ours, {name}", f"floor, {name}")
        more = difference(*(turns[one] for one in pair), scale=1 / _RTT)
        figures += [
            Figure(f"first turn, {name}: over the floor's", more, unit="round trips", goal=at_most(0.5)),
            Figure(f"first turn, {name}, with imports / floor", ratio(*(whole[one] for one in pair))),
        ]
    longer = ratio(whole["gradio_client"], whole["ours, two steps"])
    return [
        *figures,
        Figure("first turn with imports: gradio_client / two steps", longer, more_is_better=True),
    ]
