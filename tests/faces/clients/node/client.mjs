// The official SDK, 2.x. argv: interpreter of the server, picture.
import { dirname } from "node:path";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

const [python, picture] = process.argv.slice(2);
const client = new Client({ name: "test", version: "1" });
await client.connect(new StdioClientTransport({ command: python, args: ["-m", "mlxvision_mcp"], cwd: dirname(picture) }));
const { tools } = await client.listTools();
const result = await client.callTool({ name: "ocr", arguments: { image: picture } });
await client.close();
const { text } = result.structuredContent ?? result.content[0];
console.log(JSON.stringify({ tools: tools.map((tool) => tool.name), text }));
