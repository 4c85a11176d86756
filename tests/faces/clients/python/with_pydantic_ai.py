"""pydantic-ai. argv: interpreter of the server, picture."""

import asyncio
import json
import sys

from fastmcp.client.transports import StdioTransport
from pydantic_ai.mcp import MCPToolset


async def main(python: str, picture: str) -> None:
    async with MCPToolset(StdioTransport(python, ["-m", "mlxvision_mcp"], cwd=picture.rpartition("/")[0])) as server:
        tools = await server.list_tools()
        result = await server.direct_call_tool("ocr", {"image": picture})
    print(json.dumps({"tools": [tool.name for tool in tools], "text": result["text"]}))


asyncio.run(main(*sys.argv[1:]))
