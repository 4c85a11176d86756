"""An environment where this tree is installed, as users have it: found without a variable."""

import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[2]
TREE = [ROOT, ROOT / "mcp_server", ROOT / "weights", sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
COMMANDS = {"mlxvision": "mlxvision.cli", "mlxvision-mcp": "mlxvision_mcp.__main__"}


def install(folder: Path) -> Path:
    """Make the environment in a new folder; its interpreter, which the commands lie beside."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--symlinks", folder], check=True)
    (packages,) = folder.glob("lib/*/site-packages")
    (packages / "tree.pth").write_text("\n".join(map(str, TREE)), encoding="utf-8")
    python = folder / "bin" / "python"
    for command, module in COMMANDS.items():
        path = folder / "bin" / command
        path.write_text(f"#!{python}\nimport sys\nfrom {module} import main\nsys.exit(main())\n", encoding="utf-8")
        path.chmod(0o755)
    return python
