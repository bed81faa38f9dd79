"""An agent with two tools, on a task of two steps: the second needs what the first one found.

    python agent.py
    python agent.py "Get the temperature of Oslo, then convert it to Fahrenheit."

The Space is the one that PHI4_SPACE names, else the public one. It needs `pip install langchain`.
"""

import asyncio
import sys
from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AIMessageChunk, AnyMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool

from langchain_phi4 import ChatPhi4

TASK = "What is the temperature in Lima, and what is it in Fahrenheit?"


@tool
def get_temperature(city: str) -> float:
    """Tells the temperature of a city, in degrees Celsius."""
    return {"Lima": 19.0, "Oslo": 4.0}.get(city, 20.0)


@tool
def to_fahrenheit(celsius: float) -> float:
    """Converts degrees Celsius to degrees Fahrenheit."""
    return celsius * 9 / 5 + 32


async def main(task: str) -> None:
    """Solves the task three times: at once, awaited, and shown as it goes."""
    agent = create_agent(
        ChatPhi4(), [get_temperature, to_fahrenheit], system_prompt="Use the tools; guess nothing."
    )
    asked: Any = {"messages": [HumanMessage(task)]}

    print("--- invoke")
    for message in agent.invoke(asked)["messages"]:
        print(told(message))

    print("--- ainvoke")
    print(told((await agent.ainvoke(asked))["messages"][-1]))

    print("--- astream")
    async for part, _ in agent.astream(asked, stream_mode="messages"):
        match part:
            case AIMessageChunk(tool_calls=[_, *_]) | ToolMessage():
                print(told(part))
            case AIMessageChunk(text=text):
                print(text, end="", flush=True)
    print()


def told(message: AnyMessage) -> str:
    """One step of the agent, in a line."""
    match message:
        case AIMessage(tool_calls=[_, *_] as calls):
            return "calls " + ", ".join(f"{call['name']}({call['args']})" for call in calls)
        case ToolMessage(name=name, text=text):
            return f"{name} gives {text}"
        case _:
            return f"{message.type}: {message.text}"


if __name__ == "__main__":
    asyncio.run(main(" ".join(sys.argv[1:]) or TASK))
