"""What was computed of one picture, by one model, in one order, is never taken for anything else."""

import io
from itertools import permutations, product

import numpy as np
import PIL.Image
import pytest

from mlxvision.engine import DiskCache, Engine, ImageCache, Memory
from mlxvision.engine.worker import shared_worker
from mlxvision.images import open_image
from mlxvision.types import Message, Request, Sampling
from tests.fakes.toy import picture, random_model

BYTES = np.random.default_rng(0).integers(0, 256, 150 * 30 * 3, np.uint8)
FEW = Sampling(max_tokens=4, logprobs=2)


def opened(image, **how):
    file = io.BytesIO()
    image.save(file, "PNG", **how)
    return open_image(file.getvalue())


def shaped(width, height):
    return PIL.Image.fromarray(BYTES[: 3 * width * height].reshape(height, width, 3))


def with_palette(*colours):
    image = PIL.Image.frombytes("P", (60, 40), (BYTES[:2400] % 4).tobytes())
    image.putpalette([level for colour in colours for level in colour])
    return opened(image)


def with_alpha(alpha):
    image = shaped(60, 40)
    image.putalpha(PIL.Image.frombytes("L", (60, 40), bytes([alpha]) * 2400))
    return opened(image)


def turned(orientation):
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    return opened(shaped(60, 40), exif=exif)


def with_levels(kind):
    return opened(PIL.Image.fromarray(BYTES[:2400].reshape(40, 60).astype(kind)))


A, B, C = picture(220, 20, 20), picture(10, 200, 30), picture(9, 9, 200)
BLACK, RED, GREEN, BLUE = (0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255)
PAIRS = {
    "the same bytes, upright and lying": lambda: (opened(shaped(30, 150)), opened(shaped(150, 30))),
    "the same bytes, in rows of other lengths": lambda: (opened(shaped(60, 40)), opened(shaped(48, 50))),
    "the same indices, two palettes": lambda: (
        with_palette(BLACK, RED, GREEN, BLUE),
        with_palette(BLACK, GREEN, RED, BLUE),
    ),
    "the same colours, opaque and half transparent": lambda: (with_alpha(255), with_alpha(128)),
    "the same pixels, turned by the file": lambda: (turned(1), turned(3)),
    "the same pixels, mirrored by the file": lambda: (turned(1), turned(2)),
    "the same levels, of 8 and of 16 bits": lambda: (with_levels(np.uint8), with_levels(np.uint16)),
    "all pixels but the last one": lambda: (
        opened(PIL.Image.fromarray(BYTES.reshape(30, 150, 3))),
        opened(PIL.Image.fromarray(np.append(BYTES[:-1], BYTES[-1] ^ 128).reshape(30, 150, 3))),
    ),
}


@pytest.fixture(scope="module")
def models():
    return random_model(), random_model(seed=1), random_model(width=16)


def on_disk(folder):
    return Engine(ImageCache(disk=DiskCache(folder)))


def content(look):
    """look: -> an encoded image."""
    return shared_worker().submit(lambda: np.array(look().features)).result().tobytes()


def features(engine, model, image):
    return content(lambda: engine.images.encode(model, image, lambda: None)[0])


def computed(model, image):
    prepared = model.family.preprocess(image, model.config)
    return content(lambda: model.net.encode(prepared, lambda: None))


@pytest.mark.parametrize("pair", PAIRS)
def test_two_pictures_share_nothing(models, tmp_path, pair):
    model, images = models[0], PAIRS[pair]()
    for disk_hits, engine in ((0, on_disk(tmp_path)), (2, on_disk(tmp_path))):
        for image in images:
            assert features(engine, model, image) == computed(model, image)
        assert engine.images.counters.disk_hits == disk_hits
    assert computed(model, images[0]) != computed(model, images[1])


def test_two_models_share_nothing(models, tmp_path):
    for disk_hits, engine in ((0, on_disk(tmp_path)), (6, on_disk(tmp_path))):
        for model, image in product(models, (A, B)):
            assert features(engine, model, image) == computed(model, image)
        assert engine.images.counters.disk_hits == disk_hits


def test_a_file_that_was_overwritten_is_another_picture(models, tmp_path):
    engine, path = on_disk(tmp_path / "cache"), tmp_path / "picture.png"
    for size in ((30, 150), (150, 30)):
        shaped(*size).save(path)
        image = open_image(path)
        assert features(engine, models[0], image) == computed(models[0], image)
    assert engine.images.counters.misses == 2


def test_a_conversation_takes_no_order_of_pictures_for_another(models):
    engine, memory = Engine(), Memory()
    for images in (*permutations((A, B, C)), (A, A, B), (A, B, B), (A, B), (B, A), (B,), (A,)):
        request = Request((Message("user", (*images, "what?")),), FEW)
        told = engine.stream(models[0], request, memory).result()
        alone = Engine().stream(models[0], request, Memory()).result()
        assert [token.id for token in told.tokens] == [token.id for token in alone.tokens]
        assert [t.logprob for t in told.tokens] == pytest.approx([t.logprob for t in alone.tokens], abs=1e-5)
        assert [receipt.sha256 for receipt in told.receipts] == [image.sha256 for image in images]
