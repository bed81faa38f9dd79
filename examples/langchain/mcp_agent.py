"""An agent whose tools come from an MCP server: here a small one in this file, run in a process of its own.

    python mcp_agent.py
    python mcp_agent.py "Get the temperature of Oslo, then convert it to Fahrenheit."

The Space is the one that PHI4_SPACE names, else the public one. It needs
`pip install langchain langchain-mcp-adapters`.
"""

import asyncio
import sys
from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools
from mcp.server.fastmcp import FastMCP

from langchain_phi4 import ChatPhi4

TASK = "What is the temperature in Lima, and what is it in Fahrenheit?"

server = FastMCP("weather", log_level="WARNING")


@server.tool()
def get_temperature(city: str) -> float:
    """Tells the temperature of a city, in degrees Celsius."""
    return {"Lima": 19.0, "Oslo": 4.0}.get(city, 20.0)


@server.tool()
def to_fahrenheit(celsius: float) -> float:
    """Converts degrees Celsius to degrees Fahrenheit."""
    return celsius * 9 / 5 + 32


async def main(task: str) -> None:
    """Solves the task. A server elsewhere is named by its URL: {"transport": "http", "url": ...}."""
    servers = MultiServerMCPClient(
        {"weather": {"transport": "stdio", "command": sys.executable, "args": [__file__, "--serve"]}}
    )
    async with servers.session("weather") as session:
        agent = create_agent(ChatPhi4(), await load_mcp_tools(session))
        asked: Any = {"messages": [HumanMessage(task)]}
        for message in (await agent.ainvoke(asked))["messages"]:
            print(described(message))


def described(message: AnyMessage) -> str:
    """One step of the agent, in a line."""
    match message:
        case AIMessage(tool_calls=[_, *_] as calls):
            return "calls " + ", ".join(f"{call['name']}({call['args']})" for call in calls)
        case ToolMessage(name=name, text=text):
            return f"{name} gives {text}"
        case _:
            return f"{message.type}: {message.text}"


if __name__ == "__main__":
    if sys.argv[1:] == ["--serve"]:
        server.run()
    else:
        asyncio.run(main(" ".join(sys.argv[1:]) or TASK))
