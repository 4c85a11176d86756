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
from tests.families.qwen2_5_vl.tiny import TINY

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
    assert " ".join(answer) == "text tokens logprobs finish_reason model images usage timings_ms lines boxes"
    assert run(*ASK, "--model", model, "--image", picture, "--image", picture).stdout.decode() == answer["text"] + "\n"
    assert len(answer["tokens"]) == answer["usage"]["output_tokens"] == 3
    assert answer["logprobs"] is None
    assert answer["finish_reason"] == "length"
    assert answer["model"] == str(model)
    image = {"source": str(picture), "width": 90, "height": 40, "tiles": 3, "sha256": open_image(picture).sha256}
    first, second = answer["images"]
    assert first == second and image.items() <= first.items()
    assert all(0 < first[f"scaled_{side}"] <= first[f"canvas_{side}"] for side in ("width", "height"))
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
    (tmp_path / "prompt.txt").write_text(text + end, encoding="utf-8")
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
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    config = FAMILY.read_config(config, json.loads((model / "preprocessor_config.json").read_text(encoding="utf-8")))
    tall = tmp_path / "tall.png"
    Image.effect_noise((20, 70), 80).save(tall)
    shown = tmp_path / "new" / "shown"
    assert run(*ASK, "--model", model, "--image", picture, "--image", tall, "--show-input", shown).returncode == 0
    assert sorted(path.name for path in shown.iterdir()) == ["image-1.png", "image-2.png", "receipt.json"]
    receipts = json.loads((shown / "receipt.json").read_text(encoding="utf-8"))
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


def test_help_and_a_wrong_command_line_load_nothing_that_computes_and_no_other_command(run):
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
        assert not {"mlxvision.cli.batch", "mlxvision.cli.chat", "mlxvision.cli.mcp"} & set(loaded)


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


@pytest.fixture(scope="session")
def pointer(tmp_path_factory):
    """A model that sees a picture in its own size, and a cat in it, in pixels of what it sees."""
    says = '{"bbox_2d": [4, 16, 16, 24], "label": "a cat"}'
    return TINY.write(tmp_path_factory.mktemp("models") / "pointer", says)


@pytest.fixture
def turned(tmp_path):
    """40 by 90 pixels once it is upright."""
    path = tmp_path / "turned.png"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.effect_noise((90, 40), 60).point(lambda level: level // 2).convert("RGB").save(path, exif=exif)
    return path


def test_boxes_of_an_answer_are_told_and_drawn_on_the_upright_picture(run, pointer, turned, tmp_path):
    ask = (*ASK[:3], "--max-tokens", 1, "--model", pointer, "--image", turned)
    done = run(*ask, "--draw-boxes", "drawn.png", "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    box = {"left": 8, "top": 30, "right": 32, "bottom": 45}  # it sees 20 by 48 pixels
    assert json.loads(done.stdout)["boxes"] == [{"label": "a cat", "box": box}]
    original = open_image(turned).pixels
    with Image.open(tmp_path / "drawn.png") as file:
        drawn = np.asarray(file)
    assert drawn.shape == original.shape == (90, 40, 3)
    line = drawn[44, 8]
    assert (drawn[44, 8:32] == line).all() and (drawn[31:45, [8, 31]] == line).all()
    np.testing.assert_array_equal(drawn[45:], original[45:])
    np.testing.assert_array_equal(drawn[31:44, 9:31], original[31:44, 9:31])
    assert (drawn[:30] == 255).all(axis=-1).any()  # the label, where nothing was so light


def test_without_a_box_in_the_answer_none_is_drawn(run, tmp_path, picture):
    model = TINY.write(tmp_path / "model", "no ")
    done = run(*ASK, "--model", model, "--image", picture, "--draw-boxes", "drawn.png")
    assert (done.returncode, done.stdout) == (0, b"no no no \n")
    assert b"no box in the answer" in done.stderr and done.stderr.count(b"\n") == 1
    assert not (tmp_path / "drawn.png").exists()
    assert json.loads(run(*ASK, "--model", model, "--image", picture, "--json").stdout)["boxes"] is None


@pytest.mark.parametrize("images", [[], ["picture.png"] * 2])
def test_boxes_are_drawn_on_one_picture_only(run, picture, images):
    given = [part for image in images for part in ("--image", image)]
    done = run(*ASK, *given, "--model", "missing", "--draw-boxes", "drawn.png")
    assert (done.returncode, done.stdout) == (2, b"")
    assert f"{len(images)} pictures" in done.stderr.decode()


@pytest.mark.parametrize("file", ["picture.png", "drawn.jpg", "missing/drawn.png", ""])
def test_boxes_go_to_a_new_png_only(run, picture, file):
    before = picture.read_bytes()
    done = run(*ASK, "--image", picture, "--model", "missing", "--draw-boxes", file)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"not the name of a new PNG file" in done.stderr
    assert picture.read_bytes() == before


@pytest.mark.parametrize("flag", [("--draw-boxes", "drawn.png"), ("--max-pixels", 1024)])
def test_what_a_model_cannot_do_is_a_usage_error_before_it_answers(run, parrot, picture, flag):
    done = run(*ASK, "--model", parrot, "--image", picture, *flag)
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1)
    assert f"Leave {flag[0]} out".encode() in done.stderr


def test_a_limit_of_pixels_is_kept_and_the_receipt_shows_it(run, pointer, picture, tmp_path):
    ask = (*ASK, "--model", pointer, "--image", picture, "--json")
    plain, limited = (
        json.loads(run(*ask, *more).stdout) for more in ((), ("--max-pixels", 256, "--show-input", "shown"))
    )
    (receipt,) = json.loads((tmp_path / "shown" / "receipt.json").read_text(encoding="utf-8"))
    assert receipt["canvas_width"] * receipt["canvas_height"] <= 256
    assert receipt["tiles"] == limited["images"][0]["tiles"] == limited["usage"]["image_tokens"]
    assert limited["usage"]["image_tokens"] < plain["usage"]["image_tokens"]


def test_a_batch_under_another_limit_of_pixels_is_asked_anew(run, pointer, picture, tmp_path):
    ask = ("batch", *ASK[1:], "--model", pointer, "--images", picture, "--out", "rows.jsonl")
    for more in ((), ("--max-pixels", 256), ("--max-pixels", 256)):
        assert run(*ask, *more).returncode == 0
    assert len((tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines()) == 2
