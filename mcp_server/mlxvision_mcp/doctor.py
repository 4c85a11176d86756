"""Starting the server as a host would, and checking the whole way to the text of a picture."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import anyio
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import CallToolResult, TextContent
from pydantic import ValidationError

from mlxvision.errors import UsageError, shorten
from mlxvision_mcp.hosts import Host
from mlxvision_mcp.tools import TOOLS

_APP_PATH = "/usr/bin:/bin:/usr/sbin:/sbin"
_LONGEST_START_S = 10
_LONGEST_ANSWER_S = 60
_PRINTED = "Total 48.20 EUR"


@dataclass(frozen=True, slots=True)
class Check:
    """One step of the way. said: what was found, or what to do."""

    name: str
    ok: bool
    said: str


def to_command(host: Host | None, model: str | None) -> StdioServerParameters:
    """How a host starts the server: as its file says, else as it would after installing; where no shell has been.

    Raises: UsageError
    """
    entry = _configured(host) if host else {"command": sys.executable, "args": ["-m", "mlxvision_mcp"]}
    try:
        command = StdioServerParameters.model_validate({"cwd": "/", **entry})
    except ValidationError as error:
        place = host.path if host else ""
        raise UsageError("a server cannot be started so", place, "Run `mlxvision mcp install` again") from error
    command.env = {"PATH": _APP_PATH, **(command.env or {})}
    command.args += ["--model", model] if model else []
    return command


def examine(command: StdioServerParameters, tell: Callable[[Check], None]) -> None:
    """Tell of one check after another."""
    anyio.run(_examine, command, tell)


def _configured(host: Host) -> Mapping[str, Any]:
    entry = host.entry(host.read() or "")
    if not entry:
        next_step = f"Run `mlxvision mcp install --client {host.name}`"
        raise UsageError(f"{host.title} does not know this server", host.path, next_step)
    return entry


async def _examine(command: StdioServerParameters, tell: Callable[[Check], None]) -> None:
    begun = ["start"]
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+", errors="replace") as log:
        picture = _draw(Path(folder))
        # The last --allow counts, so that this folder stands for those of the user.
        command = command.model_copy(update={"args": [*command.args, "--allow", folder]})
        try:
            await _walk(command, log, picture, tell, begun)
        except* OSError:
            tell(Check("start", False, f"no program {shorten(command.command)}; run `mlxvision mcp install` again"))
        except* MCPError as errors:
            tell(Check(begun[-1], False, _reason(log, errors)))


async def _walk(
    command: StdioServerParameters, log: TextIO, picture: Path, tell: Callable[[Check], None], begun: list[str]
) -> None:
    start = time.perf_counter()
    async with Client(stdio_client(command, log), read_timeout_seconds=_LONGEST_START_S) as client:
        took_s = time.perf_counter() - start
        tell(Check("start", True, f"protocol {client.protocol_version} in {took_s:.1f} s"))
        begun.append("tools")
        names = [tool.name for tool in (await client.list_tools()).tools]
        told = ", ".join(names) if names == list(TOOLS) else f"{names} are not those of this version"
        tell(Check("tools", names == list(TOOLS), told))
        begun.append("ocr")
        result = await client.call_tool("ocr", {"image": str(picture)}, read_timeout_seconds=_LONGEST_ANSWER_S)
        tell(_judge(result))


def _draw(folder: Path) -> Path:
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("RGB", (224, 24), "white")
    ImageDraw.Draw(picture).text((6, 3), _PRINTED, fill="black", font=ImageFont.load_default(16))
    picture.save(folder / "total.png")
    return folder / "total.png"


def _judge(result: CallToolResult) -> Check:
    text = "".join(block.text for block in result.content if isinstance(block, TextContent))
    if result.is_error:
        return Check("ocr", False, text)
    if _PRINTED not in " ".join(text.split()):
        return Check("ocr", False, f"read {shorten(text)!r}, not {_PRINTED!r}; try another --model")
    return Check("ocr", True, f"read {_PRINTED!r}")


def _reason(log: TextIO, errors: BaseExceptionGroup[MCPError]) -> str:
    """The last that the server said on stderr, else what the protocol says."""
    log.seek(0)
    lines = log.read().split("\n")
    said = next((line for line in reversed(lines) if line.strip()), None) or _first(errors)
    return f"{shorten(said)}; run `mlxvision mcp install` again, or try the command in a terminal"


def _first(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)
