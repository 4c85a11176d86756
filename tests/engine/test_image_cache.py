"""An image is paid for once, and what was computed of one is never given out for another."""

from dataclasses import replace

import mlx.core as mx
import PIL.Image
import pytest

from mlxvision.engine import DiskCache, Engine, ImageCache, Memory, Session
from mlxvision.engine.worker import shared_worker
from mlxvision.families.mllama import FAMILY
from mlxvision.families.mllama.language import CrossAttention
from mlxvision.families.mllama.model import Mllama
from mlxvision.images import open_image
from mlxvision.loading import stored
from mlxvision.loading.load import load_model
from mlxvision.loading.manifest import digests_of, write_manifest
from mlxvision.types import Message, Request, Sampling
from tests.engine.test_page import page
from tests.fakes.checkpoints import PREPROCESSOR, make_mllama
from tests.fakes.plain import plain_answer
from tests.fakes.toy import picture, random_model, row_reader

RED, GREEN, WIDE = picture(220, 20, 20), picture(10, 200, 30), picture(9, 9, 200, width=90, height=40)
FEW = Sampling(max_tokens=6, logprobs=2)


def load(directory):
    return shared_worker().submit(lambda: load_model(directory, "tiny")).result()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return make_mllama(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def model(checkpoint):
    return load(checkpoint)


@pytest.fixture
def paid(monkeypatch):
    """What was computed of images: passes of the tower, and projections of keys and values."""
    calls = {"encode": 0, "project": 0}
    for kind, name in ((Mllama, "encode"), (CrossAttention, "project")):
        compute = getattr(kind, name)

        def count(*args, compute=compute, name=name):
            calls[name] += 1
            return compute(*args)

        monkeypatch.setattr(kind, name, count)
    return calls


def on_disk(folder, limit_bytes=1 << 30):
    return Engine(ImageCache(disk=DiskCache(folder, limit_bytes)))


def ask(engine, model, *images, text="what?", memory=None):
    return engine.stream(model, Request((Message("user", (*images, text)),), FEW), memory).result()


def assert_same(a, b):
    assert [t.id for t in a.tokens] == [t.id for t in b.tokens]
    assert [t.logprob for t in a.tokens] == pytest.approx([t.logprob for t in b.tokens], abs=1e-5)
    assert a.receipts == b.receipts
    assert a.usage.image_tokens == b.usage.image_tokens


def test_a_second_question_costs_its_own_tokens_and_no_look_at_the_image(model, paid):
    session = Session(Engine(), model)
    first = session.ask("what?", (WIDE,), FEW)
    assert paid == {"encode": 1, "project": 1}
    second = session.ask("why?", (), FEW)
    assert paid == {"encode": 1, "project": 1}
    assert first.tokens[-1].id not in model.family.stop_tokens(model.tokenizer)  # so the last one has yet to enter
    assert second.usage.cached_tokens == first.usage.prompt_tokens + len(first.tokens) - 1
    assert second.usage.image_tokens == first.usage.image_tokens > 0


def test_another_question_about_the_same_image_costs_what_follows_the_image(model, paid):
    engine, memory = Engine(), Memory()
    first = ask(engine, model, WIDE, text="what is it?", memory=memory)
    second = ask(engine, model, WIDE, text="what is that?", memory=memory)
    prompt = model.family.render([Message("user", (WIDE, "what is it?"))], model.tokenizer, model.config)
    assert len(prompt) == first.usage.prompt_tokens
    after = prompt[::-1].index(*model.tokenizer.encode("?")) + len("it?")
    assert second.usage.cached_tokens == len(prompt) - after
    assert paid == {"encode": 1, "project": 1}
    assert_same(second, ask(Engine(), model, WIDE, text="what is that?"))


def test_all_conversations_of_an_engine_share_what_was_computed(model, paid):
    engine = Engine()
    first = ask(engine, model, WIDE, GREEN)
    assert_same(ask(engine, model, WIDE, GREEN), first)
    assert paid == {"encode": 2, "project": 2}
    found = engine.images.counters
    assert (found.hits, found.disk_hits, found.misses, found.evictions) == (2, 0, 2, 0)
    assert engine.images.nbytes > 0
    engine.free()
    ask(engine, model, WIDE)
    assert paid["encode"] == 3


def test_after_a_restart_an_image_comes_from_disk(checkpoint, tmp_path, paid):
    first = ask(on_disk(tmp_path), load(checkpoint), WIDE, RED)
    assert paid == {"encode": 2, "project": 2}
    engine = on_disk(tmp_path)
    assert_same(ask(engine, load(checkpoint), WIDE, RED), first)
    assert paid == {"encode": 2, "project": 2}
    assert (engine.images.counters.disk_hits, engine.images.disk.n_dropped) == (2, 0)


@pytest.fixture
def read(monkeypatch):
    """The parameters that were read from the model's files, in this order."""
    paths, fill = [], stored.fill
    monkeypatch.setattr(stored, "fill", lambda net, tensors: [paths.extend(tensors), fill(net, tensors)][1])
    return paths


@pytest.fixture(scope="module")
def with_manifest(tmp_path_factory):
    directory = make_mllama(tmp_path_factory.mktemp("models") / "tiny")
    write_manifest(directory, {path.name: digests_of(path)[0] for path in directory.iterdir()}, {})
    return directory


def test_for_images_that_are_remembered_the_tower_is_not_read(with_manifest, tmp_path, read):
    first = ask(on_disk(tmp_path), load(with_manifest), WIDE, RED)
    assert any(path.startswith("vision_model.") for path in read)
    read.clear()
    engine, again = on_disk(tmp_path), load(with_manifest)
    assert_same(ask(engine, again, WIDE, RED), first)
    assert read and not any(FAMILY.is_tower(path) for path in read)
    ask(engine, again, GREEN)
    assert any(path.startswith("vision_model.") for path in read)


@pytest.mark.parametrize("directory", ["checkpoint", "with_manifest"])
def test_in_turns_the_answers_are_the_same(request, directory, model, read):
    directory = request.getfixturevalue(directory)
    frugal = shared_worker().submit(lambda: load_model(directory, "tiny", low_memory="on")).result()
    engine = Engine()
    for images in ((WIDE,), (WIDE, RED), (GREEN,)):
        assert_same(ask(engine, frugal, *images), ask(Engine(), model, *images))
    read.clear()
    ask(engine, frugal, RED, text="why?")
    assert read == []


def test_the_order_of_images_is_kept(model, tmp_path):
    engine = on_disk(tmp_path)
    for images in ((RED, GREEN), (GREEN, RED), (RED, GREEN)):
        done = ask(engine, model, *images)
        assert [token.id for token in done.tokens] == plain_answer(model, [Message("user", (*images, "what?"))], 6)
        assert [receipt.sha256 for receipt in done.receipts] == [image.sha256 for image in images]
    assert ask(engine, model, RED, GREEN).tokens[0].logprob != ask(engine, model, GREEN, RED).tokens[0].logprob


def test_a_file_that_was_overwritten_is_another_image(model, tmp_path, paid):
    engine, path = on_disk(tmp_path / "cache"), tmp_path / "picture.png"
    answers = []
    for image in (RED, GREEN):
        PIL.Image.fromarray(image.pixels).save(path)
        answers.append(ask(engine, model, open_image(path)))
        assert_same(answers[-1], ask(Engine(), model, open_image(path)))
    assert answers[0].tokens[0].logprob != answers[1].tokens[0].logprob


def test_other_weights_and_other_settings_are_never_shared(checkpoint, tmp_path, paid, monkeypatch):
    other_weights = load(make_mllama(tmp_path / "other", seed=1))
    same = load(make_mllama(tmp_path / "same"))
    monkeypatch.setitem(PREPROCESSOR, "image_mean", [0.1, 0.2, 0.3])
    other_mean = load(make_mllama(tmp_path / "mean"))
    engine = on_disk(tmp_path / "cache")
    done = [ask(engine, model, WIDE) for model in (load(checkpoint), other_weights, other_mean)]
    assert paid["encode"] == 3
    assert_same(ask(engine, same, WIDE), done[0])
    assert paid["encode"] == 3
    assert len({tuple(token.logprob for token in d.tokens) for d in done}) == 3


def test_other_versions_are_never_shared(model, tmp_path, paid, monkeypatch):
    ask(on_disk(tmp_path), model, WIDE)
    monkeypatch.setattr("mlxvision.engine.image_cache._versions", lambda: ("0.0.0", "0.0.0"))
    ask(on_disk(tmp_path), model, WIDE)
    assert paid["encode"] == 2


def test_the_least_recently_used_gives_way(model):
    engine = Engine(ImageCache(limit_bytes=0))
    ask(engine, model, WIDE)
    assert (engine.images.nbytes, engine.images.counters.evictions) == (0, 0)  # larger than all the room
    ask(engine := Engine(), model, RED)
    engine = Engine(ImageCache(limit_bytes=2 * engine.images.nbytes))
    for image, misses in ((RED, 1), (GREEN, 2), (RED, 2), (picture(1, 2, 3), 3), (RED, 3), (GREEN, 4)):
        ask(engine, model, image)
        assert engine.images.counters.misses == misses
        assert 0 < engine.images.nbytes <= engine.images.limit_bytes
    assert engine.images.counters.evictions == 2


def test_a_conversation_does_not_need_what_gave_way(paid, model):
    session = Session(Engine(ImageCache(limit_bytes=0)), model)
    session.ask("what?", (RED, WIDE), FEW)
    done = session.ask("why?", (), FEW)
    assert paid["encode"] == 2
    assert [receipt.sha256 for receipt in done.receipts] == [RED.sha256, WIDE.sha256]


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x[:, :, 1:],  # another number of tokens
        lambda x: x.astype(mx.float16),
        lambda x: x.reshape(1, -1, x.shape[2], 1),
    ],
)
def test_an_entry_of_other_shapes_or_types_is_dropped_and_made_again(model, tmp_path, paid, change):
    fresh = ask(on_disk(tmp_path), model, WIDE)
    (path,) = tmp_path.iterdir()
    disk = DiskCache(tmp_path)

    def spoil(arrays):
        disk.write(path.stem, [change(x) for x in arrays])

    shared_worker().submit(lambda: spoil(disk.read(path.stem))).result()
    for n_encodes, n_dropped in ((2, 1), (2, 0)):
        engine = on_disk(tmp_path)
        assert_same(ask(engine, model, WIDE), fresh)
        assert (paid["encode"], engine.images.disk.n_dropped) == (n_encodes, n_dropped)


def test_an_entry_with_arrays_missing_is_dropped_and_made_again(model, tmp_path, paid):
    ask(on_disk(tmp_path), model, WIDE)
    (path,) = tmp_path.iterdir()
    disk = DiskCache(tmp_path)
    shared_worker().submit(lambda: disk.write(path.stem, disk.read(path.stem)[:1])).result()
    engine = on_disk(tmp_path)
    ask(engine, model, WIDE)
    assert (paid["encode"], engine.images.disk.n_dropped) == (2, 1)


def test_a_damaged_entry_is_dropped_and_made_again(model, tmp_path, paid):
    fresh = ask(on_disk(tmp_path), model, WIDE)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    engine = on_disk(tmp_path)
    assert_same(ask(engine, model, WIDE), fresh)
    assert (paid["encode"], engine.images.disk.n_dropped) == (2, 1)
    assert_same(ask(on_disk(tmp_path), model, WIDE), fresh)
    assert paid["encode"] == 2


def test_an_interrupted_look_leaves_nothing_behind(tmp_path):
    model, engine = random_model(), on_disk(tmp_path)
    stream = engine.stream(model, Request((Message("user", (RED, "what?")),), FEW), None)
    stream.cancel()
    assert stream.result().finish_reason == "cancelled"
    assert (engine.images.nbytes, list(tmp_path.iterdir())) == (0, [])


def test_a_transcript_is_read_once_also_after_a_restart(tmp_path):
    image = page("Tea")
    first = row_reader()
    again = replace(row_reader(), revision=first.revision)
    told = ask(on_disk(tmp_path), first, image).text
    # Its rows, and the picture itself, at which it looks before it answers.
    assert first.net.log.n_encoded == 2
    engine = on_disk(tmp_path)
    assert ask(engine, again, image).text == told
    assert again.net.log.n_encoded == 1  # this net's images are of another shape each, so they are never restored
    assert engine.images.counters.disk_hits == 2  # what was read, and what there is to see
    ask(engine, again, image, text="why?")
    assert again.net.log.n_encoded == 1


def test_a_transcript_depends_on_how_it_is_read(tmp_path):
    image, engine = page("Tea"), on_disk(tmp_path)
    reader = row_reader()
    ask(engine, reader, image)
    changes = {"transcript_chars": 61}, {"sheet_request": "lines"}
    for n, change in enumerate(changes, 1):
        ask(engine, replace(reader, reading=replace(reader.reading, **change)), image)
        assert reader.net.log.n_encoded == 2 + n  # its rows once more, and not the picture itself


def test_a_transcript_that_was_cut_off_is_not_remembered():
    image, reader, engine = page("Tea"), row_reader(), Engine()
    late = Request((Message("user", (image, "what?")),), FEW, deadline_s=0.0)
    assert engine.stream(reader, late).result().finish_reason == "time"
    ask(engine, reader, image)
    assert reader.net.log.n_encoded == 2
    assert engine.images.counters.misses == 7  # twice its page, what was told and what there is to see; the picture
