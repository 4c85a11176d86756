"""smolagents. argv: interpreter of the server, picture."""

import json
import sys

from mcp import StdioServerParameters
from smolagents import MCPClient

python, picture = sys.argv[1:]
server = StdioServerParameters(command=python, args=["-m", "mlxvision_mcp"], cwd=picture.rpartition("/")[0])
with MCPClient(server, structured_output=False) as found:
    tools = {tool.name: tool for tool in found}
    print(json.dumps({"tools": list(tools), "text": tools["ocr"](image=picture)}))
