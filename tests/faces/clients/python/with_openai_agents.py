"""openai-agents, whose calls may take 5 seconds unless told otherwise. argv: interpreter of the server, picture."""

import asyncio
import json
import sys

from agents.mcp import MCPServerStdio


async def main(python: str, picture: str) -> None:
    params = {"command": python, "args": ["-m", "mlxvision_mcp"], "cwd": picture.rpartition("/")[0]}
    async with MCPServerStdio(params, client_session_timeout_seconds=60) as server:
        tools = await server.list_tools()
        result = await server.call_tool("ocr", {"image": picture})
    print(json.dumps({"tools": [tool.name for tool in tools], "text": result.content[0].text}))


asyncio.run(main(*sys.argv[1:]))
