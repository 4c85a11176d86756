"""Messages over the wire, one JSON text a line. What is no message is answered with an error, and the next is read."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from anyio import to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp.types import (
    INVALID_REQUEST,
    PARSE_ERROR,
    ErrorData,
    JSONRPCError,
    JSONRPCNotification,
    JSONRPCRequest,
    RequestId,
    jsonrpc_message_adapter,
)
from pydantic import ValidationError
from pydantic_core import from_json

from mlxvision_mcp.wire import LONGEST_LINE_BYTES, Wire, read_line, write_line

Streams = tuple[MemoryObjectReceiveStream[SessionMessage | Exception], MemoryObjectSendStream[SessionMessage]]

_MOST_UNREAD = 1000
_PAUSE_S = 0.05
# Half of a character that JSON writes in two.
_LONE_SURROGATE = re.compile(
    r"\\u[dD](?:[89abAB]\w\w(?!\\u[dD][c-fC-F])|[c-fC-F]\w\w(?<!\\u[dD][89abAB]\w\w\\u[dD]\w\w\w))"
)


@asynccontextmanager
async def open_streams(wire: Wire) -> AsyncIterator[Streams]:
    """The messages of the host, and where those for it go. A host that does not read is not read from either."""
    sink, requests = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    answers, source = anyio.create_memory_object_stream[SessionMessage](0)

    async def read() -> None:
        async with sink:
            while (line := await to_thread.run_sync(read_line, wire.requests)) != b"":
                while source.statistics().tasks_waiting_send > _MOST_UNREAD:
                    await anyio.sleep(_PAUSE_S)
                message = to_message(line)
                if isinstance(message, JSONRPCError):
                    await answers.send(SessionMessage(message))
                elif message:
                    await sink.send(SessionMessage(message))

    async def write() -> None:
        async with source:
            async for item in source:
                text = item.message.model_dump_json(by_alias=True, exclude_unset=True)
                await to_thread.run_sync(write_line, wire.answers, text.encode())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        tasks.start_soon(write)
        yield requests, answers


def to_message(line: bytes | None) -> JSONRPCRequest | JSONRPCNotification | JSONRPCError | None:
    """line: None if it was too long. -> what the host is told if that is no message; None if there is nothing to do."""
    if line is None:
        return _refusal(INVALID_REQUEST, f"a message of more than {LONGEST_LINE_BYTES // 2**20} MiB")
    if line.isspace():
        return None
    try:
        value = _parse(line)
    except ValueError:
        return _refusal(PARSE_ERROR, "a line that is not JSON")
    if not isinstance(value, dict):
        return _refusal(INVALID_REQUEST, "not one JSON object")
    return _checked(value)


def _checked(value: dict[str, Any]) -> JSONRPCRequest | JSONRPCNotification | JSONRPCError | None:
    if "method" not in value and value.keys() & {"result", "error"}:
        return None  # nothing was asked, and answers to answers could go on for ever
    request_id = value.get("id")
    if "id" in value and (not isinstance(request_id, int | str) or isinstance(request_id, bool)):
        return _refusal(INVALID_REQUEST, "an id that is neither a string nor an integer")
    try:
        message = jsonrpc_message_adapter.validate_python(value, by_name=False)
    except ValidationError:
        return _refusal(INVALID_REQUEST, "not a message of JSON-RPC 2.0 with an object as params", request_id)
    return message if isinstance(message, JSONRPCRequest | JSONRPCNotification) else None


def _parse(line: bytes) -> object:
    """Damaged characters are replaced, so that the sender of an otherwise good message gets its answer.

    Raises: ValueError
    """
    try:
        return from_json(line)
    except ValueError:
        return from_json(_LONE_SURROGATE.sub(r"\\ufffd", line.decode("utf-8-sig", "replace")))


def _refusal(code: int, said: str, request_id: RequestId | None = None) -> JSONRPCError:
    return JSONRPCError(jsonrpc="2.0", id=request_id, error=ErrorData(code=code, message=said))
