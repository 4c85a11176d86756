"""The official SDK, 2.x. argv: interpreter of the server, picture, mode."""

import asyncio
import json
import sys

from mcp import Client, StdioServerParameters


async def main(python: str, picture: str, mode: str) -> None:
    server = StdioServerParameters(command=python, args=["-m", "mlxvision_mcp"], cwd=picture.rpartition("/")[0])
    async with Client(server, mode=mode) as client:
        tools = (await client.list_tools()).tools
        result = await client.call_tool("ocr", {"image": picture})
    print(json.dumps({"tools": [tool.name for tool in tools], "text": result.structured_content["text"]}))


asyncio.run(main(*sys.argv[1:]))
