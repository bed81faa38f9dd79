"""Two agents that share a conversation: each does what it knows, and hands over the rest.

    python workflow.py
    python workflow.py "When does the ferry leave for the island?"

The Space is the one that PHI4_SPACE names, else the public one.
"""

import asyncio
import sys

from llama_index.core.agent.workflow import AgentOutput, AgentWorkflow, FunctionAgent, ToolCallResult

from llama_index_phi4 import Phi4

TASK = "What do 3 nights at a berth cost, and when does the ferry leave for the island?"


def berth_price(nights: int) -> str:
    """Tells what some nights at a berth cost."""
    return f"{14 * nights} crowns"


def ferry_times(destination: str) -> str:
    """Tells when the ferry to a destination leaves."""
    return f"The ferry to the {destination} leaves at nine, at noon and at five."


def office() -> AgentWorkflow:
    """A clerk, who is asked first, and a purser."""
    llm = Phi4()
    clerk = FunctionAgent(
        name="clerk",
        description="Knows the berths: what they cost and which are free.",
        system_prompt="You are the clerk of a harbour.",
        llm=llm,
        tools=[berth_price],
        can_handoff_to=["purser"],
    )
    purser = FunctionAgent(
        name="purser",
        description="Knows the ferry: when it leaves and where it goes.",
        system_prompt="You are the purser of a ferry.",
        llm=llm,
        tools=[ferry_times],
        can_handoff_to=["clerk"],
    )
    return AgentWorkflow(agents=[clerk, purser], root_agent="clerk")


async def main(task: str) -> None:
    """Has them solve a task, and tells who does what."""
    run = office().run(task)
    async for event in run.stream_events():
        match event:
            case AgentOutput(current_agent_name=name, tool_calls=[]):
                print(f"{name}: {event.response.content}")
            case AgentOutput(current_agent_name=name, tool_calls=calls):
                print(f"{name} calls {', '.join(call.tool_name for call in calls)}")
            case ToolCallResult(tool_name=name, tool_output=output):
                print(f"{name} -> {str(output).splitlines()[0]}")
    await run  # raises what went wrong


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else TASK))
