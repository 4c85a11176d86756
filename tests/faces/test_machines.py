"""Commands on several machines, here processes of one, as `mlx.launch` starts them."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from mlxvision.loading.convert import convert
from tests.fakes import machines
from tests.fakes.checkpoints import TEXT, make_mllama

LAUNCH = Path(sys.executable).with_name("mlx.launch")
ASK = ("--prompt", "What is it?", "--max-tokens", 30, "--no-cache")
BATCH = ("-m", "mlxvision", "batch", *ASK, "--images", "shots/**/*", "--out", "shots/rows.jsonl")


@pytest.fixture(scope="module", params=["float32", "4 bits"])
def wide(request, tmp_path_factory):
    """A model that two machines can share in groups of 32 weights."""
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TEXT, "hidden_size", 64)
        patch.setitem(TEXT, "intermediate_size", 128)
        model = make_mllama(folder / "wide", seed=3)
    if request.param == "float32":
        return model
    convert(model, folder / "4", name="wide", bits=4, group_size=32, recipe="default")
    return folder / "4"


def test_two_machines_answer_once_and_as_one_does(run, wide, picture, tmp_path):
    arguments = (*ASK, "--model", wide, "--image", picture, "--temperature", 1, "--seed", 4)
    alone = run("generate", *arguments)
    assert len(set(alone.stdout.split())) > 1 or len(set(alone.stdout)) > 10
    command = [LAUNCH, "-n", 2, "--backend", "ring", "--starting-port", machines.free_ports(1)[0]]
    command += [sys.executable, "-m", "mlxvision.generate", *arguments]
    both = subprocess.run(
        list(map(str, command)), stdin=subprocess.DEVNULL, capture_output=True, cwd=tmp_path, timeout=120, check=False
    )
    assert (both.returncode, both.stdout) == (alone.returncode, alone.stdout), both.stderr


def test_each_machine_holds_its_part_and_says_nothing_but_the_first(model, picture, tmp_path):
    arguments = ("-m", "mlxvision", "generate", *ASK, "--model", model, "--image", picture, "--verbose")
    first, second = machines.run(2, tmp_path, *arguments)
    assert (first.returncode, second.returncode) == (0, 0)
    assert first.stdout
    assert not second.stdout
    assert "-1of2)" in first.stderr
    assert "-2of2)" in second.stderr


def test_a_number_of_machines_that_does_not_divide_the_heads_is_refused(model, tmp_path):
    for done in machines.run(3, tmp_path, "-m", "mlxvision", "generate", *ASK, "--model", model):
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1].startswith("mlxvision: 3 machines cannot share the")


def test_a_model_that_reads_rows_is_not_shared(tmp_path):
    for done in machines.run(2, tmp_path, "-m", "mlxvision", "generate", *ASK, "--model", "nano"):
        assert done.returncode == 2
        assert "Start it without mlx.launch" in done.stderr


@pytest.fixture
def shots(tmp_path):
    """Twelve pictures, two of them the same, and a file that is none."""
    (tmp_path / "shots" / "below").mkdir(parents=True)
    for number in range(12):
        draw(tmp_path / "shots" / "below" / f"{number}.png", number % 11)
    (tmp_path / "shots" / "bad.png").write_text("not an image", encoding="utf-8")
    return tmp_path / "shots"


def draw(path, number):
    Image.radial_gradient("L").resize((30 + 25 * number, 95 - 5 * number)).convert("RGB").save(path)


def rows(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def assert_complete(shots):
    """One row each, in one file."""
    (out,) = shots.glob("rows.jsonl*")
    assert sorted(row["path"] for row in rows(out)) == sorted(
        ["shots/bad.png", *(f"shots/below/{number}.png" for number in range(12))]
    )


def test_machines_share_pictures_out_one_row_each(model, shots):
    first, second = machines.run(2, shots.parent, *BATCH, "--model", model)
    assert (first.returncode, second.returncode) == (3, 0)
    assert first.stderr.splitlines()[-1] == "mlxvision: pictures that failed: 1 of 13. See shots/rows.jsonl."
    assert_complete(shots)
    both = {row["path"]: row["tokens"] for row in rows(shots / "rows.jsonl")}
    (shots / "rows.jsonl").unlink()
    machines.run(1, shots.parent, *BATCH, "--model", model)
    assert {row["path"]: row["tokens"] for row in rows(shots / "rows.jsonl")} == both


@pytest.mark.parametrize("n_resumed", [1, 3])
def test_nothing_is_lost_or_done_twice_when_a_machine_dies(parrot, shots, n_resumed):
    command = (*BATCH, "--model", parrot, "--max-tokens", 200)
    first, second = machines.start(2, shots.parent, *command)
    part = shots / "rows.jsonl.1"
    while not part.exists() or not part.read_bytes().count(b"\n"):
        assert second.poll() is None
        time.sleep(0.01)
    second.kill()
    (done, _) = machines.ended([first, second])
    assert done.returncode == 2
    assert "another machine ended too early" in done.stderr
    with part.open("ab") as file:
        file.write(b'{"path": "shots/bel')  # what it was about to write
    assert len(rows(shots / "rows.jsonl")) < 13
    machines.run(n_resumed, shots.parent, *command)
    assert_complete(shots)


def test_what_two_machines_answered_one_does_not_ask_again(parrot, shots):
    machines.run(2, shots.parent, *BATCH, "--model", parrot)
    before = (shots / "rows.jsonl").read_bytes()
    machines.run(2, shots.parent, *BATCH, "--model", parrot)
    machines.run(1, shots.parent, *BATCH, "--model", parrot)
    assert (shots / "rows.jsonl").read_bytes() == before


def test_machines_that_see_different_files_are_told(parrot, shots, tmp_path):
    other = tmp_path / "other"
    (other / "shots").mkdir(parents=True)
    draw(other / "shots" / "a.png", 0)
    for done in machines.run(2, shots.parent, *BATCH, "--model", parrot, folders=[shots.parent, other]):
        assert done.returncode == 2
        assert "the machines see different files" in done.stderr
