import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mlxvision.families.mllama import FAMILY
from mlxvision.images import open_image
from tests.fakes.checkpoints import make_mllama

EXAMPLES = Path(__file__).parents[2] / "examples"
ASK = ("generate", "--prompt", "What is it?", "--max-tokens", 3)


def test_stdout_is_the_answer_and_one_newline(run, parrot, picture):
    done = run(*ASK, "--model", parrot, "--image", picture)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"ab ab ab \n", b"")


def test_an_empty_answer_is_one_newline(run, parrot):
    assert run(*ASK, "--model", parrot, "--stop", "ab ").stdout == b"\n"


def test_the_module_is_the_command(run, parrot):
    module = run(*ASK[1:], "--model", parrot, python=("-W", "error", "-m", "mlxvision.generate"))
    command = run(*ASK, "--model", parrot)
    assert (module.returncode, module.stdout, module.stderr) == (0, command.stdout, b"")


def test_the_model_can_come_from_the_environment(run, parrot, monkeypatch):
    monkeypatch.setenv("MLXVISION_MODEL", str(parrot))
    assert run(*ASK).stdout == b"ab ab ab \n"


def test_json_has_the_promised_keys_and_true_values(run, model, picture):
    done = run(*ASK, "--model", model, "--image", picture, "--image", picture, "--json")
    answer = json.loads(done.stdout)
    assert done.stdout.count(b"\n") == 1
    assert " ".join(answer) == "text tokens logprobs finish_reason model images usage timings_ms lines"
    assert run(*ASK, "--model", model, "--image", picture, "--image", picture).stdout.decode() == answer["text"] + "\n"
    assert len(answer["tokens"]) == answer["usage"]["output_tokens"] == 3
    assert answer["logprobs"] is None
    assert answer["finish_reason"] == "length"
    assert answer["model"] == str(model)
    image = {"source": str(picture), "width": 90, "height": 40, "tiles": 3, "sha256": open_image(picture).sha256}
    assert answer["images"] == [image, image]
    assert set(answer["usage"]) == {"prompt_tokens", "output_tokens", "image_tokens"}
    assert answer["usage"]["image_tokens"] == 2 * 3 * 5
    assert list(answer["timings_ms"]) == ["load", "decode_image", "encode", "prefill", "generate"]
    assert all(ms > 0 for ms in answer["timings_ms"].values())


def test_logprobs_are_one_entry_for_each_token(run, model):
    answer = json.loads(run(*ASK, "--model", model, "--json", "--logprobs", 2).stdout)
    assert len(answer["logprobs"]) == 3
    for token, entry in zip(answer["tokens"], answer["logprobs"], strict=True):
        assert [set(top) for top in entry["top"]] == [{"id", "text", "logprob"}] * 2
        assert entry["top"][0]["id"] == token
        assert entry["top"][0]["logprob"] == entry["logprob"] < 0
        assert entry["top"][1]["logprob"] <= entry["logprob"]


def test_the_same_picture_under_two_names_keeps_both_names(run, model, picture):
    copy = picture.with_name("copy.png")
    copy.write_bytes(picture.read_bytes())
    answer = json.loads(run(*ASK, "--model", model, "--image", picture, "--image", copy, "--json").stdout)
    assert [image["source"] for image in answer["images"]] == [str(picture), str(copy)]


def test_the_picture_changes_the_answer(run, model, picture):
    black = picture.with_name("black.png")
    Image.new("RGB", (90, 40)).save(black)
    answers = [
        json.loads(run(*ASK, "--model", model, "--image", path, "--json", "--logprobs", 1).stdout)["logprobs"]
        for path in (picture, black)
    ]
    assert answers[0] != answers[1]


def test_an_image_can_come_from_stdin(run, model, picture):
    answer = json.loads(run(*ASK, "--model", model, "--image", "-", "--json", stdin=picture.read_bytes()).stdout)
    assert answer["images"][0]["sha256"] == open_image(picture).sha256


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_prompt_can_come_from_stdin_or_a_file(run, model, tmp_path, end):
    text = "Wie viel\nkostet es?"
    (tmp_path / "prompt.txt").write_text(text + end)
    ask = ("generate", "--model", model, "--json", "--logprobs", 1, "--max-tokens", 2)
    given, stdin, file = (
        json.loads(done.stdout)
        for done in (
            run(*ask, "--prompt", text),
            run(*ask, "--prompt", "-", stdin=(text + end).encode()),
            run(*ask, "--prompt", "@prompt.txt"),
        )
    )
    assert given["usage"] == stdin["usage"] == file["usage"]
    assert given["logprobs"] == stdin["logprobs"] == file["logprobs"]


def test_show_input_writes_the_very_pixels_and_a_receipt(run, model, picture, tmp_path):
    config = json.loads((model / "config.json").read_text())
    config = FAMILY.read_config(config, json.loads((model / "preprocessor_config.json").read_text()))
    tall = tmp_path / "tall.png"
    Image.effect_noise((20, 70), 80).save(tall)
    shown = tmp_path / "new" / "shown"
    assert run(*ASK, "--model", model, "--image", picture, "--image", tall, "--show-input", shown).returncode == 0
    assert sorted(path.name for path in shown.iterdir()) == ["image-1.png", "image-2.png", "receipt.json"]
    receipts = json.loads((shown / "receipt.json").read_text())
    for number, path in enumerate((picture, tall), 1):
        expected = FAMILY.preprocess(open_image(path), config)
        with Image.open(shown / f"image-{number}.png") as written:
            np.testing.assert_array_equal(np.asarray(written), expected.canvas)
        receipt = receipts[number - 1]
        assert receipt["file"] == f"image-{number}.png"
        assert {"source": str(path), **asdict(expected.receipt)}.items() <= receipt.items()


def test_zooming_gives_lines_with_boxes_and_shows_its_sheets(run, parrot, tmp_path):
    shown = tmp_path / "shown"
    image = EXAMPLES / "total.png"
    done = run(*ASK, "--model", parrot, "--image", image, "--plan", "zoom", "--json", "--show-input", shown)
    answer = json.loads(done.stdout)
    (line,) = answer["lines"]
    assert line["text"] == answer["text"] == "ab ab ab"
    assert 0 <= line["box"]["left"] < line["box"]["right"] <= answer["images"][0]["width"]
    assert 0 < line["confidence"] < 1
    assert sorted(path.name for path in shown.glob("*.png")) == ["image-1-sheet-1.png", "image-1.png"]


def test_verbose_tells_what_happened_also_without_a_terminal(run, parrot, picture):
    done = run(*ASK, "--model", parrot, "--image", picture, "--verbose")
    said = done.stderr.decode()
    assert done.stdout == b"ab ab ab \n"
    for part in (str(parrot), str(picture), "90x40", "tiles 3", "3 output", "prefill", "--max-tokens"):
        assert part in said


def test_nothing_of_a_prompt_is_opened_and_no_network_used(run, parrot, picture):
    watch = """
import sys
seen = []
sys.addaudithook(lambda name, values: seen.append((name, str(values[:1]))))
from mlxvision.cli import main
code = main(sys.argv[1:])
picture = sys.argv[-1]
print([name for name, value in seen if picture in value], file=sys.stderr)
print([name for name, _ in seen if name.startswith(("socket.", "subprocess.", "os.exec", "os.posix_spawn"))],
      file=sys.stderr)
"""
    python = ("-c", watch)
    prompt = f"What is in {picture}?"
    base = ("generate", "--model", parrot, "--max-tokens", 3)
    opened = run(*base, "--prompt", "x", "--image", picture, python=python).stderr
    assert opened.splitlines() == [b"['open']", b"[]"]
    only_named = run(*base, "--image", "picture.png", "--prompt", prompt, "--system", picture, python=python)
    assert only_named.stdout == b"ab ab ab \n"
    assert only_named.stderr.splitlines() == [b"[]", b"[]"]


def test_a_cold_run_loads_nothing_heavy(run, parrot, picture):
    code = "import sys; from mlxvision.cli import main; main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    done = run(*ASK, "--model", parrot, "--image", picture, python=("-c", code))
    loaded = set(done.stderr.decode().split())
    assert done.stdout == b"ab ab ab \n"
    assert "mlx.core" in loaded
    assert not loaded & {"mlx_lm", "mlx_vlm", "transformers", "torch", "mcp", "huggingface_hub", "httpx", "requests"}


def test_help_and_a_wrong_command_line_load_nothing_that_computes(run):
    code = """
import sys
from mlxvision.cli import main
try:
    main(sys.argv[1:])
finally:
    print(*sys.modules, file=sys.stderr)
"""
    for arguments in (["--help"], ["generate", "--help"], ["generate", "--nonsense"]):
        loaded = run(*arguments, python=("-c", code)).stderr.decode().split()
        assert "mlxvision.cli.parser" in loaded
        assert not {name.split(".")[0] for name in loaded} & {"mlx", "numpy", "PIL", "tokenizers", "huggingface_hub"}


def test_text_leaves_a_pipe_as_it_is_and_json_escapes_it(run, tmp_path):
    says = "\x1b[31m\r\x07\x9bä\t"
    model = make_mllama(tmp_path / "evil", says=says)
    assert run(*ASK, "--model", model).stdout.decode() == 3 * says + "\n"
    raw = run(*ASK, "--model", model, "--json").stdout
    assert raw.isascii()
    assert b"\x1b" not in raw
    assert json.loads(raw)["text"] == 3 * says


def test_text_that_the_locale_cannot_say_is_escaped(run, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    model = make_mllama(tmp_path / "model", says="ä")
    assert run(*ASK, "--model", model).stdout == b"\\xe4" * 3 + b"\n"


@pytest.mark.parametrize("example", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_every_example_runs(run, tmp_path, example):
    shutil.copytree(EXAMPLES, tmp_path, dirs_exist_ok=True)
    done = run(python=(str(tmp_path / example),))
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_example_reads_the_picture(run):
    done = run("generate", "--prompt", "Read the text.", "--image", EXAMPLES / "total.png", "--max-tokens", 64)
    assert (done.stdout, done.stderr) == (b"Total 48.20 EUR\n", b"")


def test_a_reader_that_went_away_ends_the_run_quietly(parrot):
    command = [sys.executable, "-m", "mlxvision", "generate", "--prompt", "x", "--model", parrot]
    endless = ["--temperature", "1", "--top-k", "50", "--max-tokens", "100000"]
    with subprocess.Popen([*command, *endless], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stderr
        os.read(process.stdout.fileno(), 1)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141
