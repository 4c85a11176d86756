"""`python -m mlxvision` is `mlxvision`."""

import sys

from mlxvision.cli import main

if __name__ == "__main__":
    sys.exit(main())
