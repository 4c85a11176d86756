"""`mlxvision mcp doctor` and `serve`, in an environment that a host could start."""

import json
import os
import subprocess

import pytest

from tests.fakes.installed import install


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The interpreter of an environment where this tree is installed."""
    return install(tmp_path_factory.mktemp("environment"))


@pytest.fixture
def mcp(python, tmp_path, monkeypatch):
    """Run `mlxvision mcp` with a home where Cursor is."""
    for name in ("PYTHONPATH", "MLXVISION_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".cursor").mkdir()

    def start(*arguments):
        command = [python, "-m", "mlxvision", "mcp", *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, cwd=tmp_path, timeout=120, check=False, text=True, encoding="utf-8"
        )

    return start


def verdicts(done):
    return [line.split(": ")[:2] for line in done.stdout.splitlines()[1:]]


ALL_IS_WELL = [["start", "ok"], ["tools", "ok"], ["ocr", "ok"]]


def configure(tmp_path, **entry):
    (tmp_path / ".cursor" / "mcp.json").write_text(json.dumps({"mcpServers": {"mlxvision": entry}}), encoding="utf-8")


def test_what_install_writes_the_doctor_finds_well(mcp, tmp_path, python):
    assert mcp("install", "--client", "cursor", "--allow", tmp_path / ".cursor").returncode == 0
    done = mcp("doctor", "--client", "cursor")
    assert (verdicts(done), done.returncode, done.stderr) == (ALL_IS_WELL, 0, "")
    assert done.stdout.startswith(f"command: {python} -m mlxvision_mcp --allow {tmp_path}/.cursor\n")


def test_without_a_host_the_default_command_is_checked(mcp):
    done = mcp("doctor")
    assert (verdicts(done), done.returncode) == (ALL_IS_WELL, 0)


def test_a_model_that_reads_something_else_fails(mcp, parrot):
    done = mcp("doctor", "--model", parrot)
    assert (verdicts(done), done.returncode) == ([*ALL_IS_WELL[:2], ["ocr", "failed"]], 1)
    assert "not 'Total 48.20 EUR'" in done.stdout


def test_a_model_that_is_missing_is_told_with_the_command_that_brings_it(mcp):
    done = mcp("doctor", "--model", "llama-3.2-11b-4bit")
    assert (verdicts(done)[-1], done.returncode) == (["ocr", "failed"], 1)
    assert "`mlxvision pull " in done.stdout


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"command": "mlxvision-mcp"}, "no program mlxvision-mcp"),  # an app's PATH does not lead to it
        ({"command": "/missing/python", "args": []}, "no program /missing/python"),
        ({"command": "/bin/sh", "args": ["-c", "echo first >&2; echo No module >&2; exit 3"]}, "No module; run"),
    ],
)
def test_a_server_that_does_not_start_is_told_with_what_to_do(mcp, tmp_path, entry, said, monkeypatch, python):
    monkeypatch.setenv("PATH", f"{python.parent}{os.pathsep}{os.environ['PATH']}")
    configure(tmp_path, **entry)
    done = mcp("doctor", "--client", "cursor")
    assert (verdicts(done), done.returncode) == ([["start", "failed"]], 1)
    assert said in done.stdout
    assert "run `mlxvision mcp install` again" in done.stdout


def test_the_variables_of_an_entry_count_and_those_of_the_shell_do_not(mcp, tmp_path, python, monkeypatch):
    monkeypatch.setenv("MLXVISION_MODEL", "missing")
    configure(tmp_path, command=str(python), args=["-m", "mlxvision_mcp"])
    assert mcp("doctor", "--client", "cursor").returncode == 0
    configure(tmp_path, command=str(python), args=["-m", "mlxvision_mcp"], env={"MLXVISION_MODEL": "missing"})
    assert mcp("doctor", "--client", "cursor").returncode == 1


@pytest.mark.parametrize("entry", [{}, {"url": "x"}, {"command": 1}, {"command": "x", "args": "y"}])
def test_a_host_that_does_not_start_it_is_a_usage_error(mcp, tmp_path, entry):
    configure(tmp_path, **entry)
    done = mcp("doctor", "--client", "cursor")
    assert (done.returncode, done.stdout) == (2, "")
    assert "`mlxvision mcp install" in done.stderr


def test_serve_is_the_server_with_its_flags(mcp, python, tmp_path):
    done = mcp("serve", "--allow", tmp_path, "--deadline", "nonsense")
    assert (done.returncode, done.stdout) == (2, "")
    assert "mlxvision-mcp: error: argument --deadline" in done.stderr
    configure(tmp_path, command=str(python), args=["-m", "mlxvision", "mcp", "serve", "--deadline", "500"])
    done = mcp("doctor", "--client", "cursor")
    assert (verdicts(done), done.returncode) == (ALL_IS_WELL, 0)
