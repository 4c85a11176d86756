"""What it costs to import all that the bundled model needs: CPU time beyond Python's own start, and which modules.

python tests/benchmarks/cold_start.py
"""

import os
import statistics
import subprocess
import sys

RUNS = 15
BAR_MS = 120
HEAVY = ("mlx_lm", "transformers", "torch", "mcp", "huggingface_hub")
IMPORTS = "import mlxvision.cli, mlxvision.api, mlxvision.families.mllama, PIL.PngImagePlugin"
# One thread, as the command line sets it; an empty value lets bytecode be kept, as an installed package has it.
ENVIRONMENT = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": ""}


def printed(code: str) -> str:
    """What a fresh process prints."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=ENVIRONMENT, encoding="utf-8").stdout


def cpu_ms(code: str) -> float:
    """User and system time of a fresh process until code has run."""
    return 1000 * float(printed(f"{code}; import time; print(time.process_time())"))


def main() -> int:
    loaded = printed(f"{IMPORTS}; import sys; print(*sys.modules)").split()
    heavy = [name for name in HEAVY if name in loaded]
    pairs = [(cpu_ms("pass"), cpu_ms(IMPORTS)) for _ in range(RUNS)]
    beyond = statistics.median(full - bare for bare, full in pairs)
    print(f"modules: {len(loaded)}, heavy ones: {heavy or 'none'}")
    print(f"Python alone: {statistics.median(bare for bare, _ in pairs):.0f} ms CPU")
    print(f"all imports beyond it: {beyond:.0f} ms CPU, median of {RUNS} (bar: {BAR_MS})")
    return 1 if heavy or beyond > BAR_MS else 0


if __name__ == "__main__":
    sys.exit(main())
