"""What `mlxvision mcp install` makes of the files of hosts."""

import json
import os
import stat
import sys
import textwrap
import tomllib

import pytest

from mlxvision.cli.parser import build_parser
from mlxvision_mcp.__main__ import _parser as server_parser
from mlxvision_mcp.hosts import hosts
from mlxvision_mcp.jsonc import with_member


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home without any host."""
    for name in ("XDG_CONFIG_HOME", "CLAUDE_CONFIG_DIR", "CODEX_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def install(run, home):
    """Install into the host of a name, whose file has held a text."""

    def start(name, text=None, *flags):
        path = hosts()[name].path
        if text is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        return path, run("mcp", "install", "--client", name, *flags)

    return start


def servers(name, path):
    text = path.read_text(encoding="utf-8")
    return (tomllib if path.suffix == ".toml" else json).loads(text)[hosts()[name].table]


@pytest.mark.parametrize("name", hosts())
def test_a_host_is_told_absolute_paths_and_keeps_all_else(install, name, home):
    text = '{"mine": {"é": [1, 2.5]}, "TABLE": {"other": {"command": "x"}}}'.replace("TABLE", hosts()[name].table)
    if name == "codex":
        text = 'mine = "é"\n[mcp_servers.other]\ncommand = "x"\n'
    (home / "pictures").mkdir()
    path, done = install(name, text, "--allow", "pictures", "--model", "nano")
    assert (done.returncode, done.stderr) == (0, b"")
    after = servers(name, path)
    arguments = ["-m", "mlxvision_mcp", "--allow", str(home / "pictures"), "--model", "nano"]
    assert after["mlxvision"] == {**hosts()[name].form, "command": sys.executable, "args": arguments}
    assert after["other"] == {"command": "x"}
    assert "é" in path.read_text(encoding="utf-8")
    assert path.with_name(path.name + ".bak1").read_text(encoding="utf-8") == text
    assert server_parser().parse_args(arguments[2:]).allow == [str(home / "pictures")]


@pytest.mark.parametrize("name", hosts())
def test_doing_it_twice_changes_nothing(install, name):
    path, _ = install(name, "")
    first = path.read_bytes()
    path, done = install(name)
    assert (path.read_bytes(), done.returncode) == (first, 0)
    assert b"is as it should be" in done.stdout
    assert not path.with_name(path.name + ".bak2").exists()


def test_an_entry_is_replaced_but_for_keys_of_the_user(install):
    old = '{"mcpServers": {"mlxvision": {"command": "old", "args": ["x"], "timeout": 9}}}'
    path, _ = install("cursor", old)
    assert servers("cursor", path)["mlxvision"] == {
        "command": sys.executable,
        "args": ["-m", "mlxvision_mcp"],
        "timeout": 9,
    }


def test_every_older_file_is_kept(install, home):
    path, _ = install("cursor", '{"mine": 1}')
    install("cursor", None, "--allow", str(home))
    assert json.loads(path.with_name("mcp.json.bak1").read_bytes()) == {"mine": 1}
    assert "mlxvision" in json.loads(path.with_name("mcp.json.bak2").read_bytes())["mcpServers"]


@pytest.mark.parametrize("indent", ["\t", "    ", "  "])
def test_the_indentation_stays(install, indent):
    path, _ = install("gemini", json.dumps({"a": {"b": 1}}, indent=indent))
    assert path.read_text(encoding="utf-8").startswith(f'{{\n{indent}"a": {{\n{indent}{indent}"b": 1\n')


def test_half_a_character_stays(install):
    path, done = install("claude-code", r'{"said": "\ud83d"}')
    assert done.returncode == 0
    assert r'"said": "\ud83d"' in path.read_text(encoding="utf-8")


COMMENTED = """// mine, "servers": {}
{
    "n": 1e400, "n": 1.10, /* } */
    "SERVERS": {
        // "off": {},
        "gh": {"url": "https://x/,}", "é": [1, 2,]}, // kept
    },
}
"""


@pytest.mark.parametrize(("name", "table"), [("vscode", "servers"), ("cursor", "mcpServers"), ("gemini", "mcpServers")])
def test_all_other_bytes_of_json_stay(install, name, table):
    before = COMMENTED.replace("SERVERS", table)
    path, done = install(name, before)
    assert (done.returncode, done.stderr) == (0, b"")
    ours = json.dumps({**hosts()[name].form, "command": sys.executable, "args": ["-m", "mlxvision_mcp"]}, indent=4)
    start, kept, rest = before.partition(" // kept\n")
    added = textwrap.indent(f'"mlxvision": {ours}\n', " " * 8)
    assert path.read_text(encoding="utf-8") == start + kept + added + rest


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '{\n  "a": {\n    "b": {}\n  }\n}\n'),
        ('{"x": 1}', '{"x": 1,\n  "a": {\n    "b": {}\n  }\n}'),
        ('{"a": {}}', '{"a": {\n    "b": {}\n  }}'),
        ('{"a": {"c": 1 // d\n}}', '{"a": {"c": 1, // d\n    "b": {}\n}}'),
        ('{"a": {"b": {"old": 1}, "c": 2}}', '{"a": {"b": {}, "c": 2}}'),
        ('{"a": 0, "a": {"b": 1}}', '{"a": 0, "a": {"b": {}}}'),
        ('{"x": "{\\"", "\\u0061": {"b":{}}}', '{"x": "{\\"", "\\u0061": {"b":{}}}'),
    ],
)
def test_a_member_is_put_where_it_belongs(before, after):
    assert with_member(before or "{}\n", ("a", "b"), {}) == after


def test_rights_and_links_stay(install, home):
    real = home / "dotfiles" / "settings.json"
    real.parent.mkdir()
    real.write_text("{}", encoding="utf-8")
    real.chmod(0o640)
    link = hosts()["gemini"].path
    link.parent.mkdir()
    link.symlink_to(real)
    install("gemini")
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert "mlxvision" in real.read_text(encoding="utf-8")


CODEX = """# é
model = "x"  # mine
[mcp_servers.mlxvision]  # ours
# kept
command = "old"
args = [
  "a]", # gone
  'b"',
]
startup_timeout_sec = 20
[mcp_servers.mlxvision.env]
A = "b"
[[projects]]
path = '/x'"""


def test_all_other_bytes_of_toml_stay(install):
    path, done = install("codex", CODEX.replace("\n", "\r\n"))
    assert (done.returncode, done.stderr) == (0, b"")
    text = path.read_bytes().decode()
    ours = f'[mcp_servers.mlxvision]  # ours\ncommand = "{sys.executable}"\nargs = ["-m", "mlxvision_mcp"]\n'
    start, rest = CODEX.replace("\n", "\r\n").split("[mcp_servers.mlxvision]  # ours\r\n")
    gone = rest[rest.index("command") : rest.index("startup")]
    assert text == start + ours + rest.replace(gone, "")
    assert tomllib.loads(text)["mcp_servers"]["mlxvision"] == {
        "command": sys.executable,
        "args": ["-m", "mlxvision_mcp"],
        "startup_timeout_sec": 20,
        "env": {"A": "b"},
    }


@pytest.mark.parametrize(
    "text",
    [
        'mcp_servers = {mlxvision = {command = "old"}}',
        '[mcp_servers]\nmlxvision.command = "old"',
        '["mcp_servers".mlxvision]\ncommand = "old"',
        '[mcp_servers.mlxvision]\n"command" = "old"',
    ],
)
def test_toml_that_cannot_be_edited_is_left_alone_and_told(install, text):
    path, done = install("codex", text)
    assert (path.read_text(encoding="utf-8"), done.returncode) == (text, 2)
    assert f'Write there yourself: command = "{sys.executable}"'.encode() in done.stderr
    assert os.listdir(path.parent) == ["config.toml"]


@pytest.mark.parametrize("name", ["claude-desktop", "codex"])
@pytest.mark.parametrize(
    "text", ["{", "// a comment\n{}", "[]", '{"mcpServers": []}', '{"mcpServers": {"mlxvision": 1}}']
)
def test_a_file_that_cannot_be_read_is_refused_and_left_alone(install, name, text):
    if name == "codex" and text == "[]":
        text = "mcp_servers = 1"
    path, done = install(name, text)
    assert (path.read_text(encoding="utf-8"), done.stdout, done.returncode) == (text, b"", 2)
    assert str(path).encode() in done.stderr
    assert os.listdir(path.parent) == [path.name]


def test_nothing_is_written_where_one_of_many_files_is_refused(install, run, home):
    install("codex", "")
    cursor = home / ".cursor" / "mcp.json"
    cursor.parent.mkdir()
    gemini = home / ".gemini" / "settings.json"
    gemini.parent.mkdir()
    gemini.write_text("broken", encoding="utf-8")
    assert run("mcp", "install").returncode == 2
    assert not cursor.exists()


def test_without_a_name_every_host_that_is_there_is_told(run, home):
    none = run("mcp", "install")
    assert none.returncode == 2
    assert all(name.encode() in none.stderr for name in hosts())
    (home / ".cursor").mkdir()
    (home / ".claude.json").write_text("{}", encoding="utf-8")
    done = run("mcp", "install")
    assert [line.partition(":")[0] for line in done.stdout.decode().splitlines()] == ["Claude Code", "Cursor"]
    assert "mlxvision" in servers("cursor", home / ".cursor" / "mcp.json")


def test_a_dry_run_shows_the_path_and_the_difference_and_writes_nothing(install):
    path, done = install("cursor", '{\n  "mcpServers": {\n    "secret": {}\n  }\n}', "--dry-run")
    assert str(path).encode() in done.stdout
    assert b'\n+    "mlxvision": {\n' in done.stdout
    assert path.read_text(encoding="utf-8") == '{\n  "mcpServers": {\n    "secret": {}\n  }\n}'
    assert os.listdir(path.parent) == ["mcp.json"]


def test_claude_code_without_a_file_is_told_its_own_command(install):
    path, done = install("claude-code")
    assert (done.returncode, path.exists()) == (2, False)
    assert f"`claude mcp add --scope user mlxvision -- {sys.executable} -m mlxvision_mcp`".encode() in done.stderr


@pytest.mark.parametrize(
    ("flags", "code"), [(["--client", "nix"], 2), (["--allow", "missing"], 2), (["--model", "missing"], 4)]
)
def test_what_could_not_work_is_refused(run, home, flags, code):
    (home / ".cursor").mkdir()
    assert run("mcp", "install", *flags).returncode == code
    assert os.listdir(home / ".cursor") == []


def test_a_model_in_a_folder_is_told_by_its_absolute_path(install, home, parrot):
    (home / "models").symlink_to(parrot)
    path, _ = install("cursor", "", "--model", "models")
    assert servers("cursor", path)["mlxvision"]["args"][-1] == str(home / "models")


def test_an_environment_of_uvx_is_not_told_to_a_host(run, home):
    (home / ".cursor").mkdir()
    program = "import sys; sys.prefix = '/x/uv/archive-v0/y'; from mlxvision.cli import main; sys.exit(main())"
    done = run("mcp", "install", python=("-c", program))
    assert done.returncode == 2
    assert b"`uv tool install mlxvision`" in done.stderr
    assert os.listdir(home / ".cursor") == []


def test_apps_of_a_mac_keep_their_files_elsewhere(home, monkeypatch):
    assert hosts()["vscode"].path == home / ".config/Code/User/mcp.json"
    monkeypatch.setattr(sys, "platform", "darwin")
    apps = home / "Library/Application Support"
    assert hosts()["claude-desktop"].path == apps / "Claude/claude_desktop_config.json"
    assert hosts()["vscode"].path == apps / "Code/User/mcp.json"
    assert hosts()["codex"].path == home / ".codex/config.toml"


def test_the_help_names_every_host(capsys):
    for command in ("install", "doctor"):
        with pytest.raises(SystemExit):
            build_parser().parse_args(["mcp", command, "--help"])
        said = " ".join(capsys.readouterr().out.split())
        assert all(name in said for name in hosts())
