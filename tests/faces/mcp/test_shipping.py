"""What is told about the server elsewhere is true of it."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from PIL import Image

from mlxvision import __version__
from mlxvision.cli.parser import build_parser
from mlxvision_mcp.__main__ import _parser as server_parser
from mlxvision_mcp.hosts import hosts
from mlxvision_mcp.tools import TOOLS

ROOT = Path(__file__).parents[3]
SERVER = ROOT / "mcp_server"
SNIPPETS = dict(
    re.findall(r"<!-- host: (\S+) -->\n```\w+\n(.*?)```", (SERVER / "README.md").read_text("utf-8"), re.DOTALL)
)


@pytest.fixture(scope="module")
def manifest():
    return json.loads((SERVER / "bundle" / "manifest.json").read_bytes())


def test_the_bundle_offers_the_tools_that_there_are(manifest):
    told = {tool["name"]: tool["description"] for tool in manifest["tools"]}
    assert told == {name: tool.description.partition(". ")[0] + "." for name, tool in TOOLS.items()}


def test_every_version_is_that_of_the_package(manifest):
    registry = json.loads((SERVER / "server.json").read_bytes())
    project = tomllib.loads((SERVER / "bundle" / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {manifest["version"], registry["version"], registry["packages"][0]["version"], project["version"]} == {
        __version__
    }
    assert project["dependencies"] == [f"mlxvision=={__version__}"]
    python = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["requires-python"]
    assert project["requires-python"] == manifest["compatibility"]["runtimes"]["python"] == python


def test_the_bundle_starts_the_server_with_what_its_user_chose(manifest):
    given = []
    for argument in manifest["server"]["mcp_config"]["args"]:
        option = manifest["user_config"].get(argument.removeprefix("${user_config.").removesuffix("}"))
        default = option["default"] if option else argument
        given += default if isinstance(default, list) else [default]
    entry_point = manifest["server"]["entry_point"]
    assert (SERVER / "bundle" / entry_point).is_file()
    flags = server_parser().parse_args(given[given.index(entry_point) + 1 :])
    assert flags.model == "nano"
    assert flags.allow == ["${HOME}/Pictures", "${DESKTOP}", "${DOCUMENTS}", "${DOWNLOADS}"]


def test_the_icon_has_the_size_that_hosts_want(manifest):
    with Image.open(SERVER / "bundle" / manifest["icon"]) as icon:
        assert (icon.format, icon.size) == ("PNG", (512, 512))


def test_the_registry_starts_the_server():
    registry = json.loads((SERVER / "server.json").read_bytes())
    (package,) = registry["packages"]
    assert len(registry["description"]) <= 100
    assert package["identifier"] in tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    command = []
    for argument in package["packageArguments"]:
        named = [argument["name"]] if argument["type"] == "named" else []
        command += [*named, argument.get("value") or argument.get("default") or "."]
    arguments = build_parser().parse_args(command)
    assert arguments.run.__name__ == "run_serve"
    assert server_parser().parse_args(arguments.flags).allow == ["."]


def test_the_registry_finds_its_name_in_the_readme_of_the_package():
    name = json.loads((SERVER / "server.json").read_bytes())["name"]
    assert f"<!-- mcp-name: {name} -->" in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("name", hosts())
def test_what_the_readme_tells_to_write_is_what_the_host_reads(name):
    host, text = hosts()[name], SNIPPETS[name]
    entry = host.entry(text)
    assert entry["command"].endswith("mlxvision-mcp")
    assert server_parser().parse_args(entry["args"]).allow
    assert {**host.form, **entry} == entry
    assert f"`install --client {name}`" in (SERVER / "README.md").read_text("utf-8")


def test_the_example_for_projects_is_the_one_of_the_readme():
    assert json.loads((ROOT / "examples" / ".mcp.json").read_bytes()) == json.loads(SNIPPETS["claude-code"])
