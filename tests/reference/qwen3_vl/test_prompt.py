"""The same rungs as the elder family's, climbed with this one's checkpoints and template."""

import pytest

from tests.reference.qwen2_vl import test_prompt as elder
from tests.reference.qwen2_vl.test_prompt import *  # noqa: F403

USUAL = """{%- if messages[0].role != "system" -%}
    {{- turn("system", "You are a helpful assistant.") -}}
{%- endif -%}
"""


@pytest.fixture(autouse=True)
def template(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behaves as the template of Qwen3-VL-Instruct does for texts and images: no system text of its own."""
    assert USUAL in elder.TEMPLATE
    monkeypatch.setattr(elder, "TEMPLATE", elder.TEMPLATE.replace(USUAL, ""))
