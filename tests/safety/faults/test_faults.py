"""Whatever call on a file fails, or is the last of a process: nothing is lost, and the next run ends well."""

import re
import shutil
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from mlxvision.errors import MLXVisionError, UsageError
from mlxvision_mcp.hosts import hosts
from mlxvision_mcp.install import plan, write
from tests.safety.faults.injector import FAULTS, Faults, Killed, tree
from tests.safety.faults.scenes import SCENES, Scene

THREE_PARTS = re.compile(r"[^\n:]+: [^\n]+\. [^\n]+\.")
INTERNALS = re.compile(r"Errno|Traceback|Error\b|0x[0-9a-f]|<.*>")


@pytest.fixture
def scene(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return SCENES[request.param](monkeypatch)


def attempt(scene: Scene, folder: Path, faults: Faults) -> str | None:
    """What the user is told."""
    with faults:
        try:
            scene.act(folder)
        except Killed:
            return None
        except MLXVisionError as error:
            return str(error)
    return None


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("scene", SCENES, indirect=True)
def test_nothing_is_lost_whichever_call(scene, fault, tmp_path):
    before, undisturbed = tmp_path / "before", tmp_path / "undisturbed"
    scene.prepare(before)
    shutil.copytree(before, undisturbed)
    with Faults(undisturbed) as faults:
        scene.act(undisturbed)
    assert not any(scene.left in name for name in tree(undisturbed))
    hits = [(at, call) for at, call in enumerate(faults.calls) if FAULTS[fault].fits(call)]
    for at, call in hits:
        folder = tmp_path / f"{at}-{call}"
        shutil.copytree(before, folder)
        told = attempt(scene, folder, Faults(folder, at, FAULTS[fault]))
        assert told is None or (THREE_PARTS.fullmatch(told) and not INTERNALS.search(told)), (folder.name, told)
        scene.check(folder)
        assert attempt(scene, folder, Faults(folder)) is None
        assert tree(folder) == tree(undisturbed), folder.name
        shutil.rmtree(folder)
    assert hits or "half" in fault  # a scene may have nothing to divide


@pytest.mark.parametrize("fault", FAULTS)
def test_the_configuration_of_a_host_is_the_old_or_the_new_one(fault, tmp_path, monkeypatch):
    old = '{"mine": 1, "mcpServers": {"other": {"command": "x"}}}'
    for at in count():
        monkeypatch.setenv("HOME", str(tmp_path / str(at)))
        host = hosts()["cursor"]
        host.path.parent.mkdir(parents=True)
        host.path.write_bytes(old.encode())
        change = plan(host, {"command": "python", "args": ["-m", "mlxvision_mcp"]})
        with Faults(tmp_path / str(at), at, FAULTS[fault]) as faults, suppress(Killed, UsageError):
            write(change)
        assert host.read() in (old, change.after)
        assert {path.read_bytes().decode() for path in host.path.parent.glob("*.bak*")} <= {old}
        if at >= len(faults.calls):
            break
        write(change)
        assert host.read() == change.after
        assert old in [path.read_bytes().decode() for path in host.path.parent.glob("*.bak*")]
