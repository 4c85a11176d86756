"""The MCP server of mlxvision: planned, not there yet."""
