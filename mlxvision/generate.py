"""`python -m mlxvision.generate` is `mlxvision generate`. Run, never imported: as a name it is `api.generate`."""

import sys

from mlxvision.cli import main

if __name__ == "__main__":
    sys.exit(main(["generate", *sys.argv[1:]]))
