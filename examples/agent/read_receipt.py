"""An agent that reads a receipt through the MCP server: pip install "pydantic-ai-slim[mcp]" mlxvision

python examples/agent/read_receipt.py RECEIPT

The language model is played by a function here, so that this runs offline: it asks for the text of the picture, and
answers with it. A real agent names its model instead: Agent("PROVIDER:MODEL", toolsets=[pictures]).
"""

import asyncio
import sys
from pathlib import Path

from fastmcp.client.transports import StdioTransport
from pydantic_ai import Agent, ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.models.function import AgentInfo, FunctionModel

receipt = Path(sys.argv[1]).resolve()
server = StdioTransport("mlxvision-mcp", ["--allow", str(receipt.parent)])
pictures = MCPToolset(server, init_timeout=30, read_timeout=60)


def play(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    """Call `ocr`, then tell what came back."""
    for part in messages[-1].parts:
        if isinstance(part, ToolReturnPart):
            return ModelResponse([TextPart(f"The receipt says: {part.content['text']}")])
    return ModelResponse([ToolCallPart("ocr", {"image": str(receipt)})])


async def main() -> None:
    agent = Agent(FunctionModel(play), toolsets=[pictures])
    print((await agent.run("What does this receipt say?")).output)


asyncio.run(main())
