"""An agent that solves a task in several steps with two tools.

    python function_agent.py                           tells each step, and the answer as it arrives
    python function_agent.py --quiet "What do 5 nights cost? Convert the result to euros."

The Space is the one that PHI4_SPACE names, else the public one.
"""

import argparse
import asyncio

from llama_index.core.agent.workflow import AgentStream, FunctionAgent, ToolCallResult

from llama_index_phi4 import Phi4

TASK = "What do 3 nights cost? Convert the result to euros."


def price_of_nights(nights: int) -> str:
    """Tells what some nights at a berth of the harbour cost, in crowns."""
    return f"{14 * nights} crowns"


def convert_to_euros(crowns: float) -> str:
    """Converts an amount of crowns to euros."""
    return f"{crowns / 11.5:.2f} euros"


def guide() -> FunctionAgent:
    """The agent."""
    return FunctionAgent(
        llm=Phi4(),
        tools=[price_of_nights, convert_to_euros],
        system_prompt="You help the guests of a harbour.",
    )


async def solve(task: str) -> str:
    """The agent's answer, once it has one."""
    return str(await guide().run(task))


async def watch(task: str) -> None:
    """Prints what the agent does, and its answer as it arrives."""
    run = guide().run(task)
    async for event in run.stream_events():
        match event:
            case ToolCallResult(tool_name=name, tool_kwargs=arguments, tool_output=output):
                print(f"{name}({arguments}) -> {output}")
            case AgentStream(delta=text):
                print(text, end="", flush=True)
    print()
    await run  # raises what went wrong


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("task", nargs="?", default=TASK)
    options.add_argument("--quiet", action="store_true")
    asked = options.parse_args()
    if asked.quiet:
        print(asyncio.run(solve(asked.task)))
    else:
        asyncio.run(watch(asked.task))
