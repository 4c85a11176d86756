"""Hosts of every revision of the protocol, over real pipes."""

import json
import os
import sys

import anyio
import pytest
from mcp import Client, StdioServerParameters

pytestmark = pytest.mark.anyio


@pytest.fixture
def connect(picture):
    """picture: the only file in the one folder that may be read."""

    def start(model, mode="auto"):
        arguments = ["-m", "mlxvision_mcp", "--model", str(model), "--allow", str(picture.parent)]
        environment = {"PYTHONPATH": os.environ["PYTHONPATH"], "MLXVISION_HOME": str(picture.parent)}
        return Client(StdioServerParameters(command=sys.executable, args=arguments, env=environment), mode=mode)

    return start


@pytest.mark.parametrize(("mode", "revision"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
async def test_each_tool_answers_a_host_of_each_revision(connect, parrot, picture, mode, revision):
    stages, decoding = [], anyio.Event()

    async def progress(value, total, message):
        stages.append(message.partition(":")[0])
        if stages[-1] == "decode":
            decoding.set()

    async with connect(parrot, mode) as host:
        assert host.protocol_version == revision
        result = await host.call_tool("describe_image", {"image": str(picture)}, progress_callback=progress)
        assert result.structured_content["finish_reason"] == "repetition"
        read = await host.call_tool("ocr", {"image": str(picture), "format": "json"})
        assert set(read.structured_content["lines"][0]) == {"text", "box", "confidence"}
        assert json.loads(read.content[0].text)["lines"] == read.structured_content["lines"]
        arguments = {"image": [str(picture)] * 2, "question": "Same?", "max_tokens": 2}
        two = await host.call_tool("ask", arguments)
        assert len(two.structured_content["image"]) == 2
        one = await host.call_tool("ask", arguments | {"image": str(picture)})
        await decoding.wait()
    assert set(stages) == {"queue", "load", "encode", "prefill", "decode"}
    structured = one.structured_content
    assert list(structured) == ["text", "untrusted", "model", "finish_reason", "image", "usage"]
    assert structured["text"] == one.content[0].text == "ab ab "
    assert structured["untrusted"] is True
    assert structured["finish_reason"] == "length"
    assert (structured["image"]["width"], structured["image"]["height"]) == (90, 40)
    assert structured["usage"]["output_tokens"] == 2
    assert set(one.meta["mlxvision/timings_ms"]) >= {"queue", "open", "load", "encode", "prefill", "generate"}


async def test_a_missing_model_is_told_with_the_command_that_brings_it(connect, picture):
    async with connect("llama-3.2-11b-4bit") as host:
        for _ in range(2):
            result = await host.call_tool("ocr", {"image": str(picture)})
            assert result.is_error
            assert "`mlxvision pull " in result.content[0].text


async def test_the_tools_say_what_a_host_must_know(client):
    async with client() as host:
        tools = (await host.list_tools()).tools
    assert [tool.name for tool in tools] == ["describe_image", "ocr", "ask"]
    for tool in tools:
        assert len(tool.description.encode()) < 1000
        assert " Use it " in tool.description
        assert "attached to the chat cannot be passed" in tool.description
        assert "untrusted" in tool.description
        assert tool.input_schema["additionalProperties"] is False
        assert next(iter(tool.output_schema["properties"])) == "text"
        hints = tool.annotations
        assert (hints.read_only_hint, hints.idempotent_hint) == (True, True)
        assert (hints.destructive_hint, hints.open_world_hint) == (False, False)
