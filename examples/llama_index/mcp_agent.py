"""An agent whose tools come from an MCP server: here a small one in this file, run in a process of its own.

    python mcp_agent.py
    python mcp_agent.py "What do 5 nights cost? Convert the result to euros."

The Space is the one that PHI4_SPACE names, else the public one. It needs
`pip install llama-index-tools-mcp`.
"""

import asyncio
import sys

from llama_index.core.agent.workflow import AgentStream, FunctionAgent, ToolCallResult
from llama_index.tools.mcp import BasicMCPClient, McpToolSpec
from mcp.server.fastmcp import FastMCP

from llama_index_phi4 import Phi4

TASK = "What do 3 nights cost? Convert the result to euros."

server = FastMCP("harbour", log_level="WARNING")


@server.tool()
def price_of_nights(nights: int) -> str:
    """Tells what some nights at a berth of the harbour cost, in crowns."""
    return f"{14 * nights} crowns"


@server.tool()
def convert_to_euros(crowns: float) -> str:
    """Converts an amount of crowns to euros."""
    return f"{crowns / 11.5:.2f} euros"


async def main(task: str) -> None:
    """Solves the task. A server elsewhere is named by its URL: BasicMCPClient("http://...")."""
    tools = McpToolSpec(BasicMCPClient(sys.executable, args=[__file__, "--serve"]))
    agent = FunctionAgent(
        llm=Phi4(),
        tools=await tools.to_tool_list_async(),
        system_prompt="You help the guests of a harbour.",
    )
    run = agent.run(task)
    async for event in run.stream_events():
        match event:
            case ToolCallResult(tool_name=name, tool_kwargs=arguments, tool_output=output):
                print(f"{name}({arguments}) -> {output.raw_output.content[0].text}")
            case AgentStream(delta=text):
                print(text, end="", flush=True)
    print()
    await run  # raises what went wrong


if __name__ == "__main__":
    if sys.argv[1:] == ["--serve"]:
        server.run()
    else:
        asyncio.run(main(" ".join(sys.argv[1:]) or TASK))
