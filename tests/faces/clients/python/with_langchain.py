"""langchain-mcp-adapters. argv: interpreter of the server, picture."""

import asyncio
import json
import sys

from langchain_mcp_adapters.client import MultiServerMCPClient


async def main(python: str, picture: str) -> None:
    server = {"transport": "stdio", "command": python, "args": ["-m", "mlxvision_mcp"]}
    client = MultiServerMCPClient({"mlxvision": server | {"cwd": picture.rpartition("/")[0]}})
    tools = {tool.name: tool for tool in await client.get_tools()}
    content = await tools["ocr"].ainvoke({"image": picture})
    text = content if isinstance(content, str) else content[0]["text"]
    print(json.dumps({"tools": list(tools), "text": text}))


asyncio.run(main(*sys.argv[1:]))
