import pickle
import re

import pytest

from mlxvision import errors
from mlxvision.errors import MLXVisionError, ModelNotFoundError, shorten


def drawn() -> dict[str, str]:
    """Every class in the module's drawing -> the class it hangs from."""
    above, found = [], {}
    for line in errors.__doc__.splitlines():
        if match := re.match(r"(.*?)(\w+Error)\b", line):
            depth = len(match[1]) // 4
            above[depth - 1 :] = [match[2]]
            found[match[2]] = above[depth - 2] if depth > 1 else "Exception"
    return found


def test_the_drawing_shows_every_error_where_it_hangs():
    tree = {name: vars(errors)[name].__base__.__name__ for name in errors.__all__}
    assert drawn() == tree


def test_every_error_is_public():
    classes = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert classes == set(errors.__all__)


def test_a_message_says_what_with_which_value_and_what_next():
    error = ModelNotFoundError("this model is not on this machine", "owner/toy", "Run `mlxvision pull owner/toy`")
    assert str(error) == "this model is not on this machine: owner/toy. Run `mlxvision pull owner/toy`."
    assert isinstance(error, MLXVisionError)


def test_an_error_comes_through_to_another_process():
    error = ModelNotFoundError("this model is not on this machine", "x" * 1000, "Pull it")
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy)) == (ModelNotFoundError, str(error))


@pytest.mark.parametrize("value", ["a\nb", "\x1b[31mred", "\x00", "\u202eright to left", "\ud800", "two\u2028lines"])
def test_no_control_character_reaches_a_message(value):
    assert all(c.isprintable() for c in shorten(value))


def test_a_huge_value_loses_its_middle():
    text = shorten("a" * 10**6 + "z")
    assert len(text) < 200
    assert text.startswith("aaa")
    assert text.endswith("z")
