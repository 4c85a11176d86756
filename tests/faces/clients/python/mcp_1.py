"""The official SDK, 1.x. argv: interpreter of the server, picture."""

import asyncio
import json
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client


async def main(python: str, picture: str) -> None:
    server = StdioServerParameters(command=python, args=["-m", "mlxvision_mcp"], cwd=picture.rpartition("/")[0])
    async with stdio_client(server) as streams, ClientSession(*streams) as session:
        await session.initialize()
        tools = (await session.list_tools()).tools
        result = await session.call_tool("ocr", {"image": picture})
    print(json.dumps({"tools": [tool.name for tool in tools], "text": result.structuredContent["text"]}))


asyncio.run(main(*sys.argv[1:]))
