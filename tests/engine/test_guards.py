from hypothesis import example, given
from hypothesis import strategies as st

from mlxvision.engine.guards import LoopDetector, StopText

short = st.text("abc", min_size=1, max_size=4)


def rounds_until_loop(phrase, most=400):
    """How many rounds of a phrase are allowed; None if all."""
    detector = LoopDetector()
    for n in range(1, most + 1):
        if any(detector.add(token) for token in phrase):
            return n
    return None


@given(st.lists(st.text("abc", max_size=5), max_size=6), st.lists(short, max_size=3))
@example(["xabcdx"], ["abcd", "c"])
def test_stop_strings_cut_the_same_place_however_the_text_is_split(pieces, stops):
    text = "".join(pieces)
    guard = StopText(tuple(stops))
    shown = "".join(guard.add(piece) for piece in pieces) + guard.flush()
    ends = [end for end in range(len(text) + 1) if any(text[:end].endswith(stop) for stop in stops)]
    if ends:
        before = text[: ends[0]]
        assert shown == before[: min(len(before) - len(stop) for stop in stops if before.endswith(stop))]
    else:
        assert shown == text
    assert guard.hit == bool(ends)


def test_text_that_cannot_become_a_stop_string_is_not_held_back():
    guard = StopText(("END", "\n\n"))
    assert [guard.add(text) for text in ("abE", "x", "\n", "EN", "D!")] == ["ab", "Ex", "", "\n", ""]
    assert guard.hit


def test_nothing_follows_a_stop_string():
    guard = StopText(("x",))
    assert [guard.add("axb"), guard.add("c"), guard.flush()] == ["a", "", ""]


def test_a_token_over_and_over_is_a_loop():
    assert rounds_until_loop([7]) == 128


def test_a_phrase_over_and_over_is_a_loop():
    for length in (2, 5, 17, 64, 100, 256):
        assert 8 <= rounds_until_loop(range(length)) <= max(9, -(-128 // length) + 1)


def test_a_loop_is_found_after_any_beginning():
    detector = LoopDetector()
    assert not any(detector.add(token) for token in range(1000, 1300))
    assert any(detector.add(token) for _ in range(20) for token in range(10))


def test_repetition_as_on_paper_is_no_loop():
    detector = LoopDetector()
    line = "1 x Coffee to go, large             3.90 EUR\n"
    paper = "-" * 60 + "\n" + line * 6 + "=" * 60 + "\n" + "." * 100 + "\n" + "| --- " * 20 + "\n"
    assert not any(detector.add(ord(c)) for c in paper)


def test_numbered_lines_are_no_loop():
    detector = LoopDetector()
    assert not any(detector.add(ord(c)) for i in range(100) for c in f"{i}. one more line\n")


def test_a_phrase_longer_than_the_longest_period_is_left_alone():
    assert rounds_until_loop(range(257), 10) is None
