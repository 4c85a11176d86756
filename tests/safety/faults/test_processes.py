"""Real processes: killed at any call on a file, and many at once, killed at any instant."""

import re
import subprocess
import sys

import pytest

metal = pytest.mark.skipif(sys.platform == "darwin", reason="what Metal has begun does not survive a fork")


def told(root, program, *arguments):
    command = [sys.executable, "-m", f"tests.safety.faults.{program}", *map(str, arguments)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300, check=False, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("scene", ["pulling", "listing"])
def test_a_simulated_death_leaves_the_files_that_a_real_one_leaves(root, tmp_path, scene):
    assert re.fullmatch(r"\d+ deaths\n", told(root, "deaths", scene, tmp_path))


@pytest.mark.parametrize("crowd", ["pulling", *(pytest.param(name, marks=metal) for name in ("converting", "caching"))])
def test_processes_that_are_killed_leave_all_they_share_in_order(root, tmp_path, crowd):
    assert told(root, "crowds", crowd, tmp_path, 20) == ""
