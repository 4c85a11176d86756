"""A host is told what is wrong with the model, and is served as soon as the model is right."""

from pathlib import Path

import pytest
from mcp import Client
from mcp.types import CallToolResult, TextContent
from PIL import Image

from mlxvision_mcp.server import Options, build_server
from tests.safety.corpus.model_files import Case
from tests.safety.corpus.models import broken_models, write_base

pytestmark = pytest.mark.anyio

SAMPLE = [case for case in broken_models() if case.base == "mllama"][::17]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    Image.new("RGB", (40, 20), "red").save(path)
    return path


def text(result: CallToolResult) -> str:
    return "".join(part.text for part in result.content if isinstance(part, TextContent))


@pytest.mark.parametrize("case", SAMPLE, ids=lambda case: case.name)
async def test_a_broken_model_is_a_tool_error_and_the_next_call_is_answered(
    tmp_path: Path, picture: Path, case: Case
) -> None:
    model, aside = tmp_path / "model", tmp_path / "aside"
    write_base(case.base, model)
    case.spoil(model)
    arguments = {"image": str(picture), "question": "What is it?", "max_tokens": 2}
    async with Client(build_server(Options(str(model), (str(tmp_path),), 600, 50))) as client:
        for _ in range(2):
            refused = await client.call_tool("ask", arguments)
            assert refused.is_error and [part for part in case.says if part not in text(refused)] == []
        model.rename(aside)
        write_base(case.base, model)
        assert not (await client.call_tool("ask", arguments)).is_error
