import hashlib
import json
import shutil

import pytest

ASK = ("generate", "--prompt", "What is it?", "--max-tokens", 3)


@pytest.fixture
def pulled(parrot, tmp_path):
    """A model as `mlxvision pull owner/name` leaves it."""
    folder = tmp_path / "home" / "models" / "owner" / "name"
    directory = folder / ("c" * 40)
    shutil.copytree(parrot, directory)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(directory.name, encoding="utf-8")
    files = {
        path.name: {"size": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in directory.iterdir()
    }
    (directory / "manifest.json").write_text(json.dumps({"files": files}), encoding="utf-8")
    return directory


def test_a_converted_model_answers(run, parrot, picture):
    done = run("convert", "--model", parrot, "--out", "small", "--group-size", 32, "--check")
    assert (done.returncode, done.stderr) == (0, b"")
    first, second = done.stdout.decode().splitlines()
    assert first.startswith("small: ")
    assert "bits per weight" in first
    assert "nats" in second
    assert run(*ASK, "--model", "small", "--image", picture).stdout == b"ab ab ab \n"


def test_convert_tells_wrong_values(run, parrot):
    convert = ("convert", "--model", parrot, "--out", "small")
    assert run(*convert, "--bits", 7).returncode == 2
    assert run(*convert, "--recipe", "nonsense").returncode == 2
    assert run("convert", "--model", "missing", "--out", "small").returncode == 4


def test_a_pulled_model_is_listed_verified_and_used(run, pulled):
    listed = json.loads(run("list", "--json").stdout)
    assert {"name": "owner/name", "directory": str(pulled)}.items() <= listed[-1].items()
    assert str(pulled) in run("list").stdout.decode()
    verified = run("verify", "owner/name")
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, b"", b"")
    assert run(*ASK, "--model", "owner/name").stdout == b"ab ab ab \n"


def test_verify_names_a_changed_file(run, pulled):
    weights = pulled / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    done = run("verify", pulled)
    assert done.returncode == 4
    assert done.stdout == b"model.safetensors: content changed\n"
    assert done.stderr.startswith(b"mlxvision: ")


def test_pull_without_a_network_says_what_to_do(run, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    done = run("pull", "owner/name")
    assert (done.returncode, done.stdout) == (4, b"")
    assert b"path" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_pull_refuses_what_names_no_repository(run):
    assert run("pull", "../../etc").returncode == 2
