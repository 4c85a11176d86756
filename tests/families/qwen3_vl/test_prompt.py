"""The same behaviour as the elder family's, but for system text."""

from tests.fakes.qwen import Tiny
from tests.families.qwen2_vl.test_prompt import *  # noqa: F403
from tests.families.qwen2_vl.test_prompt import SYSTEM, prompt, text, user


def test_a_conversation_without_system_text_gets_the_usual_one(tiny: Tiny) -> None:
    """Which is none."""
    asked = "<im_start>user\nHi<im_end>\n<im_start>assistant\n"
    assert text(prompt(tiny, user("Hi"))) == asked
    assert text(prompt(tiny, SYSTEM, user("Hi"))) == "<im_start>system\nBe brief.<im_end>\n" + asked
