"""The MCP server of mlxvision: pictures read by a local model, for assistants, over stdio."""
