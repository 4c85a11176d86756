"""What a run with the bundled model costs before its first MLX operation: CPU time beyond Python's own, and modules.

    python tests/benchmarks/cold_start.py

The best of many runs, since whatever else the machine does only adds; told also as a multiple of what numpy, MLX and
PIL cost alone, which holds for a busy machine too.
"""

import os
import subprocess
import sys
from pathlib import Path

RUNS = 20
BAR_MS = 120
HEAVY = {"mlx_lm", "transformers", "torch", "mcp", "huggingface_hub"}
TIME = "import time; print(1000 * time.process_time())"
LIBRARIES = f"import numpy, mlx.core, PIL.Image; {TIME}"
PICTURE = Path(__file__).parents[2] / "examples" / "total.png"
# Building the net is the first that asks MLX for anything.
COMMAND = f"""
import os, sys
from mlxvision.cli import main
from mlxvision.loading import load

def tell(*_):
    import time
    print(*sys.modules, 1000 * time.process_time(), flush=True)
    os._exit(0)

load.build_net = tell
main(["generate", "--no-cache", "--prompt", "Read the text.", "--image", {str(PICTURE)!r}])
"""
# One thread, as the command line sets it; an empty value lets bytecode be kept, as an installed package has it.
ENVIRONMENT = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": ""}


def printed(code: str) -> list[str]:
    """The words that a fresh process prints."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=ENVIRONMENT, encoding="utf-8")
    return done.stdout.split()


def main() -> int:
    modules = printed(COMMAND)[:-1]
    heavy = HEAVY.intersection(modules)
    runs = [[float(printed(code)[-1]) for code in (TIME, LIBRARIES, COMMAND)] for _ in range(RUNS)]
    bare, libraries, command = map(min, zip(*runs, strict=True))
    beyond, least = command - bare, libraries - bare
    print(f"modules: {len(modules)}, heavy ones: {heavy or 'none'}")
    print(f"Python alone: {bare:.0f} ms CPU, best of {RUNS}")
    print(f"beyond it numpy, MLX and PIL alone: {least:.0f} ms")
    print(f"a run until its first MLX operation: {beyond:.0f} ms (bar: {BAR_MS}), {beyond / least:.2f} x")
    return 1 if heavy or beyond > BAR_MS else 0


if __name__ == "__main__":
    sys.exit(main())
