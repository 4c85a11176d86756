"""The hosts that can be told about this server: where each keeps its list of servers, and in which form.

Sources: the hosts' own documentation, November 2026.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlxvision.errors import UsageError
from mlxvision_mcp.jsonc import to_strict, with_member

NAME = "mlxvision"
_TOML_HEADER = re.compile(rf"^\[mcp_servers\.{NAME}\][^\n]*\n?", re.MULTILINE)
_TOML_ARRAY = r"""\[(?:[^]"']|"(?:\\.|[^"\\])*"|'[^']*')*\]"""
_TOML_ENTRY = re.compile(rf"^(?:command[ \t]*=|args[ \t]*=[ \t]*{_TOML_ARRAY})[^\n]*\n?", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Host:
    """A program that starts servers, as the file at path says.

    table: what that file calls its servers. form: what an entry has beside `command` and `args`.
    comments: whether it reads JSON with comments and with commas before a bracket.
    own_command: what adds a server where that file is missing, if nobody but the host may make it.
    """

    name: str
    title: str
    path: Path
    table: str = "mcpServers"
    form: Mapping[str, str] = field(default_factory=dict)
    comments: bool = False
    own_command: str = ""

    @property
    def is_here(self) -> bool:
        return self.path.is_file() or (not self.own_command and self.path.parent.is_dir())

    def read(self) -> str | None:
        """The text of the file, None where there is none.

        Raises: UsageError
        """
        try:
            return self.path.read_bytes().decode("utf-8-sig")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read the configuration of {self.title}", self.path, "Check this file") from error

    def entry(self, text: str) -> Mapping[str, Any]:
        """How this server is started, empty if it is not listed.

        Raises: UsageError
        """
        return self._parse(text).get(self.table, {}).get(NAME, {})

    def with_entry(self, text: str, entry: Mapping[str, Any]) -> str:
        """The text with this server in it, and all else as it was.

        Raises: UsageError
        """
        merged = {**self.entry(text), **self.form, **entry}
        if merged == self.entry(text):
            return text
        settings = self._parse(text)
        settings.setdefault(self.table, {})[NAME] = merged
        if self._is_toml:
            new = _with_toml_entry(text, entry)
        else:
            new = with_member(text if text.strip() else "{}\n", (self.table, NAME), merged)
        if not self._says(new, settings):
            lines = "; ".join(_toml_lines(entry))
            raise UsageError(
                "this way of listing servers cannot be edited", self.path, f"Write there yourself: {lines}"
            )
        return new

    @property
    def _is_toml(self) -> bool:
        return self.path.suffix == ".toml"

    def _parse(self, text: str) -> dict[str, Any]:
        language = "TOML" if self._is_toml else "JSON"
        try:
            settings = self._load(text)
        except ValueError as error:
            what = f"the configuration of {self.title} is not valid {language}"
            raise UsageError(what, self.path, f"Correct it ({error})") from error
        servers = settings.get(self.table, {}) if isinstance(settings, dict) else None
        if not isinstance(servers, dict) or not isinstance(servers.get(NAME, {}), dict):
            what = f"the configuration of {self.title} does not list servers"
            raise UsageError(what, f"{self.path}, {self.table}", "Make it an object of objects")
        return settings

    def _load(self, text: str) -> dict[str, Any]:
        """Raises: ValueError"""
        if self._is_toml:
            return tomllib.loads(text)
        return json.loads(to_strict(text) if self.comments else text) if text.strip() else {}

    def _says(self, text: str, settings: Mapping[str, Any]) -> bool:
        try:
            return self._load(text) == settings
        except ValueError:
            return False


def hosts() -> dict[str, Host]:
    """Every host that is known, by its name."""
    home = Path.home()
    settings = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    apps = home / "Library" / "Application Support" if sys.platform == "darwin" else settings
    claude = Path(os.environ.get("CLAUDE_CONFIG_DIR") or home)
    codex = Path(os.environ.get("CODEX_HOME") or home / ".codex")
    stdio = {"type": "stdio"}
    known = (
        Host("claude-desktop", "Claude Desktop", apps / "Claude" / "claude_desktop_config.json"),
        Host(
            "claude-code",
            "Claude Code",
            claude / ".claude.json",
            form=stdio,
            own_command=f"claude mcp add --scope user {NAME} --",
        ),
        Host("cursor", "Cursor", home / ".cursor" / "mcp.json", comments=True),
        Host("vscode", "VS Code", apps / "Code" / "User" / "mcp.json", table="servers", form=stdio, comments=True),
        Host("codex", "Codex", codex / "config.toml", table="mcp_servers"),
        Host("gemini", "Gemini CLI", home / ".gemini" / "settings.json", comments=True),
    )
    return {host.name: host for host in known}


def _with_toml_entry(text: str, entry: Mapping[str, Any]) -> str:
    lines = "".join(f"{line}\n" for line in _toml_lines(entry))
    header = _TOML_HEADER.search(text)
    if header is None:
        gap = "\n\n" if text and not text.endswith("\n") else "\n" if text else ""
        return f"{text}{gap}[mcp_servers.{NAME}]\n{lines}"
    following = re.compile(r"^\[", re.MULTILINE).search(text, header.end())
    end = following.start() if following else len(text)
    rest = _TOML_ENTRY.sub("", text[header.end() : end])
    return f"{text[: header.start()]}{header[0].rstrip()}\n{lines}{rest}{text[end:]}"


def _toml_lines(entry: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in entry.items()]
