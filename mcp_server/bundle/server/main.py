"""The server, as the bundle's host starts it."""

from mlxvision_mcp.__main__ import main

if __name__ == "__main__":
    main()
