"""fastmcp. argv: interpreter of the server, picture."""

import asyncio
import json
import sys

from fastmcp import Client
from fastmcp.client.transports import StdioTransport


async def main(python: str, picture: str) -> None:
    async with Client(StdioTransport(python, ["-m", "mlxvision_mcp"], cwd=picture.rpartition("/")[0])) as client:
        tools = await client.list_tools()
        result = await client.call_tool("ocr", {"image": picture})
    print(json.dumps({"tools": [tool.name for tool in tools], "text": result.structured_content["text"]}))


asyncio.run(main(*sys.argv[1:]))
