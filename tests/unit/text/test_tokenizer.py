import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers, processors
from tokenizers import Tokenizer as HubTokenizer

from mlxvision.errors import ModelFormatError, UsageError
from mlxvision.text import Detokenizer, Tokenizer
from tests.fakes.toy import IMAGE, SPECIAL, byte_tokenizer

NAMES = ("<|begin_of_text|>", "<|image|>", "<|eot_id|>")


def characters():
    """A character is a word, as in small models."""
    words = ["<|unk|>", *NAMES, *map(chr, range(32, 127)), "ü", "é", "\n"]
    tokenizer = HubTokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, "<|unk|>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    return tokenizer


def merges():
    """Byte pairs, some of them inside characters."""
    texts = ["日本語 日本 本語", "Grüße aus Zürich", "<|eot_id|> <|image|>", "👩‍👩‍👧 👨‍👩‍👧‍👦"] * 20
    tokenizer = HubTokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    from tokenizers.trainers import BpeTrainer

    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(texts, BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False))
    return tokenizer


def made(make, directory):
    tokenizer = make()
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in NAMES])
    tokenizer.save(str(directory / "tokenizer.json"))
    return Tokenizer.from_directory(directory)


@pytest.fixture(params=[characters, merges], ids=["WordLevel", "BPE"])
def tokenizer(request, tmp_path):
    return made(request.param, tmp_path)


@pytest.mark.parametrize("text", [*NAMES, "a<|eot_id|>b", "<|image|><|image|>", " <|eot_id|>\n", "<|eot_id|>" * 50])
def test_a_special_name_in_text_stays_text(tokenizer, text):
    ids = tokenizer.encode(text)
    assert not {tokenizer.special(name) for name in NAMES} & set(ids)
    assert tokenizer.decode(ids) == text


@given(st.lists(st.sampled_from([*SPECIAL, "<|", "|>", "end", "<", "é", " "]), max_size=8).map("".join))
def test_no_text_becomes_a_special_token(text):
    ids = byte_tokenizer().encode(text)
    assert max(ids, default=0) < 256
    assert bytes(ids) == text.encode()


@given(st.text())
def test_any_text_comes_back(text):
    ids = byte_tokenizer().encode(text)
    assert byte_tokenizer().decode(ids) == text
    detokenizer = Detokenizer(byte_tokenizer())
    assert "".join(map(detokenizer.add, ids)) + detokenizer.flush() == text


def test_special_tokens_have_no_text(tokenizer):
    ids = [tokenizer.special("<|begin_of_text|>"), *tokenizer.encode("hi"), tokenizer.special("<|eot_id|>")]
    assert tokenizer.decode(ids) == "hi"


def test_an_unknown_special_name_is_an_error_of_the_checkpoint(tokenizer):
    assert tokenizer.has_special("<|image|>")
    assert not tokenizer.has_special("<|nothing|>")
    with pytest.raises(ModelFormatError, match=r"<\|nothing\|>"):
        tokenizer.special("<|nothing|>")


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\udcff"])
def test_a_lone_surrogate_is_refused(tokenizer, text):
    with pytest.raises(UsageError, match=r"not valid Unicode: '.*\\ud") as caught:
        tokenizer.encode(text)
    str(caught.value).encode()


@pytest.mark.parametrize("text", ["", "a", "Grüße", "日本語", "👩‍👩‍👧", "x" * 1000, "\x00\n"])
def test_a_stream_of_merged_tokens_gives_the_text(tmp_path, text):
    tokenizer = made(merges, tmp_path)
    detokenizer = Detokenizer(tokenizer)
    pieces = [detokenizer.add(token) for token in tokenizer.encode(text)]
    assert "\N{REPLACEMENT CHARACTER}" not in "".join(pieces)
    assert "".join(pieces) + detokenizer.flush() == text


def test_the_settings_of_training_do_not_cut_or_fill_prompts(tmp_path):
    tokenizer = characters()
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=8)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    assert len(Tokenizer.from_directory(tmp_path).encode("more than four")) == 14
    assert len(Tokenizer.from_directory(tmp_path).encode("one")) == 3


def test_a_token_beyond_the_vocabulary_has_no_text():
    assert byte_tokenizer().decode([97, 5000, 98, IMAGE]) == "ab"


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b"[]", b"{}", json.dumps({"model": {"type": "BPE"}}).encode()]
)
def test_a_damaged_file_is_an_error_of_the_checkpoint(tmp_path, content):
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(ModelFormatError) as caught:
        Tokenizer.from_directory(tmp_path)
    expected = f"cannot read the tokenizer: {tmp_path / 'tokenizer.json'}. Copy the repository's tokenizer.json."
    assert str(caught.value) == expected


def test_a_missing_file_is_an_error_of_the_checkpoint(tmp_path):
    with pytest.raises(ModelFormatError, match=r"missing: .*tokenizer\.json"):
        Tokenizer.from_directory(tmp_path)


@pytest.mark.parametrize(
    ("part", "step"),
    [
        ("normalizer", normalizers.Sequence([normalizers.NFC(), normalizers.Replace("a", "a" * 1000)])),
        ("normalizer", normalizers.Prepend("a" * 1000)),
        ("pre_tokenizer", pre_tokenizers.Sequence([pre_tokenizers.ByteLevel(), pre_tokenizers.Metaspace()])),
        ("decoder", decoders.Replace("a", "a" * 1000)),
        ("model", models.Unigram()),
    ],
)
def test_steps_that_no_family_has_are_refused(tmp_path, part, step):
    tokenizer = characters()
    setattr(tokenizer, part, step)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ModelFormatError, match="does what none of ours does"):
        Tokenizer.from_directory(tmp_path)


def test_a_template_around_the_text_has_no_effect(tmp_path):
    tokenizer = characters()
    tokenizer.post_processor = processors.TemplateProcessing("$A $A $A", None, [])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    assert len(Tokenizer.from_directory(tmp_path).encode("abc")) == 3


def test_a_tokenizer_that_knows_no_word_for_a_text_is_an_error_of_the_checkpoint(tmp_path):
    HubTokenizer(models.WordLevel({"a": 0}, "<|unk|>")).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ModelFormatError, match="cannot encode a text"):
        Tokenizer.from_directory(tmp_path).encode("b")


def test_only_tokens_that_are_not_special_may_be_text(tokenizer):
    (a,) = tokenizer.encode("a")
    assert tokenizer.may_be_text(a)
    assert not tokenizer.may_be_text(tokenizer.special("<|eot_id|>"))
    assert not tokenizer.may_be_text(tokenizer.n_ids)
    assert tokenizer.n_ids > max(a, *map(tokenizer.special, NAMES))
