"""A toy family: a byte is a token, one attention layer is the decoder, four colours are the image.

It answers in printable ASCII, so that an answer, written into the next prompt, is the same tokens again.
`scripted` makes a model that says what a test wants to hear.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256
from itertools import count
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from tokenizers import AddedToken, decoders, models, pre_tokenizers
from tokenizers import Tokenizer as HubTokenizer

from mlxvision.engine.worker import shared_worker
from mlxvision.errors import UsageError
from mlxvision.family import Family, Model
from mlxvision.nn import KVCache
from mlxvision.text import Tokenizer
from mlxvision.types import Image, Message, Reading, Receipt, Rows

SPECIAL = ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>", "<|image|>")
SYSTEM, USER, ASSISTANT, END, IMAGE = range(256, 261)
VOCABULARY = 261
N_COLOURS = 4
MARKS = b"abcde"
_numbers = count()


@dataclass(frozen=True)
class ToyConfig:
    """end_bias: added to the logit of the stop token."""

    width: int = 32
    context_length: int = 4096
    end_bias: float = -1.0
    seed: int = 0


@dataclass(frozen=True)
class ToyInput:
    canvas: np.ndarray
    receipt: Receipt


@dataclass(frozen=True, eq=False)
class ToyImage:
    """features: (1, N, D)"""

    features: mx.array

    @property
    def n_tokens(self) -> int:
        return self.features.shape[1]

    @property
    def nbytes(self) -> int:
        return self.features.nbytes

    @property
    def arrays(self) -> tuple[mx.array, ...]:
        return (self.features,)


class ToyCache:
    def __init__(self) -> None:
        self.text = KVCache()
        self.images: list[ToyImage] = []
        self.n_seen = mx.zeros((1, 1), mx.int32)  # image tokens so far
        self.since_header = mx.zeros((1, 1), mx.int32)  # tokens since the latest <|assistant|>

    @property
    def offset(self) -> int:
        return self.text.offset

    @property
    def arrays(self) -> list[mx.array]:
        return [*self.text.arrays, self.n_seen, self.since_header]

    def add_image(self, image: ToyImage, row: int = 0) -> None:
        self.images.append(image)

    def trim(self, tokens: Sequence[int]) -> None:
        self.text.trim(len(tokens))
        del self.images[tokens.count(IMAGE) :]
        self.n_seen = mx.array([[tokens.count(IMAGE)]], mx.int32)
        self.since_header = mx.array([[[*reversed(tokens), ASSISTANT].index(ASSISTANT)]], mx.int32)

    def fork(self) -> ToyCache:
        twin = copy.copy(self)
        twin.text, twin.images = self.text.fork(), list(self.images)
        return twin


def _do_nothing() -> None:
    pass


@dataclass
class Log:
    """What a net was asked to do, and what a test wants done meanwhile."""

    lengths: list[int] = field(default_factory=list)  # tokens of every call of `hidden`
    n_encoded: int = 0
    on_hidden: Callable[[], None] = _do_nothing
    on_encode: Callable[[], None] = _do_nothing


class ToyNet(nn.Module):
    def __init__(self, config: ToyConfig) -> None:
        super().__init__()
        D = config.width
        self.embed = nn.Embedding(VOCABULARY, D)
        self.qkv = nn.Linear(D, 3 * D)
        self.image_kv = nn.Linear(D, 2 * D)
        self.colours = nn.Linear(3, D)
        self.head = nn.Linear(D, VOCABULARY)
        ids = np.arange(VOCABULARY)
        self._bias = mx.array(np.where((ids >= 32) & (ids < 127), 0, np.where(ids == END, config.end_bias, -1e4)))
        self.log = Log()

    def encode(self, image: ToyInput, each_step: Callable[[], None]) -> ToyImage:
        self.log.n_encoded += 1
        rows = np.array_split(image.canvas.astype(np.float32) / 255, 2)
        quarters = [part.mean((0, 1)) for row in rows for part in np.array_split(row, 2, axis=1)]
        features = []
        for quarter in quarters:
            each_step()
            features.append(self.colours(mx.array(quarter)))
            mx.eval(features)
            self.log.on_encode()
        return ToyImage(mx.stack(features)[None])

    def restore(self, image: ToyInput, arrays: Sequence[mx.array]) -> ToyImage | None:
        fits = [(x.shape, x.dtype) for x in arrays] == [((1, N_COLOURS, self.embed.weight.shape[1]), mx.float32)]
        return ToyImage(*arrays) if fits else None

    def make_cache(self, padding: Sequence[int] = (0,)) -> ToyCache:
        return ToyCache()

    def hidden(self, tokens: mx.array, cache: ToyCache) -> mx.array:
        _, L = tokens.shape
        self.log.lengths.append(L)
        x = mx.fast.rms_norm(self.embed(tokens), None, 1e-5)
        seen = cache.n_seen + mx.cumsum((tokens == IMAGE).astype(mx.int32), axis=1)
        cache.n_seen = seen[:, -1:]
        self.log.on_hidden()  # an error here leaves the cache half changed
        q, k, v = mx.split(self.qkv(x)[:, None], 3, axis=-1)
        q, k = (
            mx.fast.rope(y, y.shape[-1], traditional=False, base=1e4, scale=1.0, offset=cache.offset) for y in (q, k)
        )
        row = cache.offset + mx.arange(L)[:, None]
        k, v = cache.text.append(k, v)
        mask = mx.arange(cache.offset)[None] <= row
        if cache.images:
            features = mx.concatenate([(n + 4) * image.features for n, image in enumerate(cache.images)], axis=1)
            image_k, image_v = mx.split(self.image_kv(features), 2, axis=-1)
            k, v = mx.concatenate([image_k[:, None], k], 2), mx.concatenate([image_v[:, None], v], 2)
            owner = mx.repeat(mx.arange(len(cache.images)), N_COLOURS)[None]
            mask = mx.concatenate([owner < seen[0, :, None], mask], axis=1)
        out = mx.fast.scaled_dot_product_attention(3 * q, k, v, scale=x.shape[-1] ** -0.5, mask=mask)
        return x + 4 * out[:, 0]

    def logits(self, hidden: mx.array) -> mx.array:
        return 4 * self.head(hidden) + self._bias


class ScriptedNet(ToyNet):
    """Says the script, whatever it was asked, and then the stop token."""

    def __init__(self, script: Sequence[int]) -> None:
        super().__init__(ToyConfig())
        self._table = 20 * mx.eye(VOCABULARY)[mx.array([*script, END])]

    def hidden(self, tokens: mx.array, cache: ToyCache) -> mx.array:
        """-> (1, L, 1), how many tokens followed the latest <|assistant|>"""
        super().hidden(tokens, cache)
        position = mx.arange(tokens.shape[1])[None]
        header = mx.cummax(mx.where(tokens == ASSISTANT, position, -1), axis=1)
        since = mx.where(header >= 0, position - header, cache.since_header + position + 1)
        cache.since_header = since[:, -1:]
        return since[..., None]

    def logits(self, hidden: mx.array) -> mx.array:
        return self._table[mx.minimum(hidden[..., 0], self._table.shape[0] - 1)]


@dataclass
class RowCache:
    """Remembers what stands in the rows of each sequence's image, and what was said."""

    rows: dict[int, list[list[int]]] = field(default_factory=dict)
    said: list[list[int]] = field(default_factory=list)
    parts: list[slice] = field(default_factory=list)
    offset: int = 0
    arrays: tuple[mx.array, ...] = ()

    def add_image(self, image: ToyImage, row: int = 0) -> None:
        text = bytes(int(token) for token in image.features[0, :, 0].tolist())
        self.rows[row] = [[*line, END] for line in text.split(b"\n")]

    def keep(self, rows: Sequence[int]) -> None:
        self.rows = {number: self.rows[row] for number, row in enumerate(rows)}
        self.said = [list(self.said[row]) for row in rows]
        self.parts = [self.parts[row] for row in rows] if self.parts else []

    def narrow(self, tokens: Sequence[slice]) -> None:
        self.parts = list(tokens)


class RowNet(ToyNet):
    """Begun with "a" and shown one row of 24 px, an answer says how far its ink reaches, in parts of 8 px: "a14".

    Not begun, it says this of all rows, a line for each, but of no more than `most`.
    """

    def __init__(self, most: int) -> None:
        super().__init__(ToyConfig())
        self._most = most

    def encode(self, image: ToyInput, each_step: Callable[[], None]) -> ToyImage:
        each_step()
        self.log.n_encoded += 1
        bands = np.split(image.canvas, image.canvas.shape[0] // 24)
        inked = [np.flatnonzero((band < 128).any((0, 2))) for band in bands]
        said = [str(columns[-1] // 8 + 1) for columns in inked if len(columns)]
        return ToyImage(mx.array([[*"\n".join(said).encode()]])[..., None])

    def make_cache(self, padding: Sequence[int] = (0,)) -> RowCache:
        return RowCache(said=[[] for _ in padding])

    def hidden(self, tokens: mx.array, cache: RowCache) -> mx.array:
        """-> (B, L, 1), the token to be said next."""
        self.log.on_hidden()
        following = []
        for number, new in enumerate(tokens.tolist()):
            said = cache.said[number] = cache.said[number] + new
            answer = said[len(said) - said[::-1].index(ASSISTANT) :]
            script = [token for row in cache.rows[number][: self._most] for token in (*row[:-1], ord("\n"))]
            if answer and answer[0] in MARKS:
                script = [answer[0], *cache.rows[number][cache.parts[number].start]]
            following.append([*script, END][min(len(answer), len(script))])
        return mx.broadcast_to(mx.array(following)[:, None, None], (*tokens.shape, 1))

    def logits(self, hidden: mx.array) -> mx.array:
        return mx.where(mx.arange(VOCABULARY) == hidden, 20.0, 0.0)


def preprocess(image: Image, config: ToyConfig) -> ToyInput:
    height, width = image.pixels.shape[:2]
    size = (width, height)
    receipt = Receipt(image.source, image.sha256, image.orientation, *size, *size, *size, 1)
    return ToyInput(image.pixels, receipt)


def render(messages: Sequence[Message], tokenizer: Tokenizer, config: ToyConfig) -> list[int]:
    if messages[-1].role != "user":
        raise UsageError("the last message must be the user's", messages[-1].role, "Add a user message")
    ids = []
    for message in messages:
        ids.append(tokenizer.special(f"<|{message.role}|>"))
        for part in message.content:
            ids += tokenizer.encode(part) if isinstance(part, str) else [IMAGE]
        ids.append(END)
    return [*ids, ASSISTANT]


FAMILY = Family(
    name="toy",
    read_config=lambda config, preprocessor: ToyConfig(**config),
    build=ToyNet,
    rename=lambda key: key,
    is_tower=lambda path: False,
    request_bytes=lambda config, images, tokens: 8 * config.width * (tokens + images * N_COLOURS),
    context_length=lambda config: config.context_length,
    preprocess=preprocess,
    render=render,
    image_token=lambda config: IMAGE,
    stop_tokens=lambda tokenizer: frozenset({tokenizer.special("<|end|>")}),
    rows=lambda config: Rows(canvas_px=120, row_px=24, em_px=16),
)


@cache
def byte_tokenizer() -> Tokenizer:
    """Byte-level BPE without merges: the id of a byte is the byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    letters = {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}
    tokenizer = HubTokenizer(models.BPE({letters[b]: b for b in range(256)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in SPECIAL])
    return Tokenizer(tokenizer, Path("tokenizer.json"))


def random_model(**config: float) -> Model:
    """A model that really attends to its prompt and images."""
    return shared_worker().submit(lambda: _random_model(ToyConfig(**config))).result()


def _random_model(config: ToyConfig) -> Model:
    mx.random.seed(config.seed)
    return _model(config, ToyNet(config))


def scripted(answer: str | bytes | Sequence[int], context_length: int = 4096) -> Model:
    """A model whose every answer is these bytes or tokens."""
    script = list(answer.encode() if isinstance(answer, str) else answer)
    config = ToyConfig(context_length=context_length)
    return shared_worker().submit(lambda: _model(config, ScriptedNet(script))).result()


def row_reader() -> Model:
    """A model that reads rows: asked for "Read.", it is shown rows and told "rows"; other requests follow "look"."""
    rows = Rows(canvas_px=120, row_px=24, em_px=16)
    reading = Reading(("Read.",), "rows", tuple(MARKS.decode()), (0, 1), 60, 80, "look", "find ", rows)
    return replace(sheet_reader(), reading=reading)


def sheet_reader(most: int = 100) -> Model:
    """A model that reads whole sheets, but overlooks all rows after so many."""
    return shared_worker().submit(lambda: _model(ToyConfig(), RowNet(most))).result()


def _model(config: ToyConfig, net: ToyNet) -> Model:
    mx.eval(net.parameters())
    return Model("toy", f"toy {next(_numbers)}", FAMILY, config, net, byte_tokenizer())


def picture(*colour: int, width: int = 6, height: int = 4) -> Image:
    """An image whose four quarters have different shades of a colour."""
    pixels = np.full((height, width, 3), colour, np.uint8)
    pixels[: height // 2] //= 2
    pixels[:, : width // 2] //= 3
    return Image(pixels, "picture", 1, sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest())
