"""Lines that are no messages, and messages that are no good."""

import json

import pytest

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
PING = b'{"jsonrpc": "2.0", "id": "p", "method": "ping"}'


def request(request_id=1, method="ping", **more):
    return json.dumps({"jsonrpc": "2.0", "id": request_id, "method": method, **more}).encode()


def call(**params):
    return request("c", "tools/call", params=params)


NO_JSON = {
    "words": b"hello",
    "an open brace": b"{",
    "half a message": PING[:-9],
    "two messages": PING + PING,
    "Python": PING.replace(b'"', b"'"),
    "bytes that are no UTF-8": b"\xff\xfe\x80",
    "UTF-16": PING.decode().encode("utf-16-be"),
    "a NUL byte": b"\0",
    "a NUL byte in a string": PING.replace(b"ping", b"pi\0ng"),
    "an escape code": b"\x1b[2J",
    "open arrays": b"[" * 100_000,
    "open objects": b'{"a":' * 100_000,
    "deep arrays": PING[:-1] + b', "params": {"a": ' + b"[" * 5000 + b"]" * 5000 + b"}}",
    "an endless number": b'{"id": ' + b"9" * 10_000 + b"}",
    "a header": b"Content-Length: 47",
}
NO_MESSAGE = {
    "null": b"null",
    "a number": b"1",
    "a string": b'"ping"',
    "an empty array": b"[]",
    "a batch": b"[" + PING + b"," + PING + b"]",
    "an empty object": b"{}",
    "no version": b'{"method": "ping"}',
    "an id alone": b'{"jsonrpc": "2.0", "id": null}',
    **{f"the id {value}": request(value) for value in (None, True, False, 1.5, float("nan"), [], [1], {}, {"a": 1})},
    "the id 1e999": PING.replace(b'"p"', b"1e999"),
}
NO_REQUEST = {
    "no version": b'{"id": "p", "method": "ping"}',
    "another version": PING.replace(b"2.0", b"1.0"),
    "a version that is a number": PING.replace(b'"2.0"', b"2.0"),
    "no method": b'{"jsonrpc": "2.0", "id": "p"}',
    "a method that is a number": PING.replace(b'"ping"', b"7"),
    "a method that is null": PING.replace(b'"ping"', b"null"),
    **{f"params that are {value}": request("p", params=value) for value in ([], [1], "x", 1, True)},
}
NOTHING = {
    "an empty line": b"",
    "blanks": b" \t ",
    "a carriage return": b"\r",
    "an answer": b'{"jsonrpc": "2.0", "id": 1, "result": {}}',
    "an answer to nobody": b'{"jsonrpc": "2.0", "id": null, "result": 5}',
    "an error": b'{"jsonrpc": "2.0", "id": 1, "error": {"code": -1, "message": "x"}}',
    "an error for nobody": b'{"jsonrpc": "2.0", "id": null, "error": {"code": -32700, "message": "x"}}',
    "an unknown notification": b'{"jsonrpc": "2.0", "method": "notifications/nonsense"}',
    "progress of nothing": b'{"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": 1}}',
    "a request as a notification": b'{"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "ocr"}}',
    "a second initialized": b'{"jsonrpc": "2.0", "method": "notifications/initialized"}',
    "a broken initialized": b'{"jsonrpc": "2.0", "method": "notifications/initialized", "params": {"_meta": 5}}',
}
REFUSED = {
    "an unknown method": (METHOD_NOT_FOUND, request(1, "nonsense")),
    "an empty method": (METHOD_NOT_FOUND, request(1, "")),
    "a method of half a character": (METHOD_NOT_FOUND, request(1, "\ud83d")),
    "a method with a NUL": (METHOD_NOT_FOUND, request(1, "ping\0")),
    "a long method": (METHOD_NOT_FOUND, request(1, "x" * 10**6)),
    "a method of a later protocol": (METHOD_NOT_FOUND, request(1, "tasks/list")),
    "no tool": (INVALID_PARAMS, call()),
    "a tool that is a number": (INVALID_PARAMS, call(name=7)),
    "arguments that are a list": (INVALID_PARAMS, call(name="ocr", arguments=[1])),
    "arguments that are a string": (INVALID_PARAMS, call(name="ocr", arguments="{}")),
    "meta that is a number": (INVALID_PARAMS, call(name="ocr", arguments={}, _meta=1)),
}
IDS = [0, -1, 2**53 + 1, 2**63, -(10**30), 10**300, "", "a", "1", "null", "\0", "\n", "\u2028", "é", "😀", "x" * 10**6]


def cases(table):
    return pytest.mark.parametrize("line", table.values(), ids=table)


@cases(NO_JSON)
def test_a_line_that_is_no_json_is_answered_so(server, line):
    said = server.said_to(line)
    assert {message["id"] for message in said} == {None}
    assert {message["error"]["code"] for message in said} == {PARSE_ERROR}


@cases(NO_MESSAGE)
def test_json_that_is_no_message_is_refused_in_nobody_s_name(server, line):
    (message,) = server.said_to(line)
    assert (message["id"], message["error"]["code"]) == (None, INVALID_REQUEST)


@cases(NO_REQUEST)
def test_a_broken_request_is_refused_in_its_sender_s_name(server, line):
    (message,) = server.said_to(line)
    assert (message["id"], message["error"]["code"]) == ("p", INVALID_REQUEST)


@cases(NOTHING)
def test_what_asks_for_nothing_is_not_answered(server, line):
    assert server.said_to(line) == []


@pytest.mark.parametrize(("code", "line"), REFUSED.values(), ids=REFUSED)
def test_a_request_that_cannot_be_served_is_refused(server, code, line):
    (message,) = server.said_to(line)
    assert message["error"]["code"] == code
    assert "Traceback" not in str(message)


@pytest.mark.parametrize("request_id", IDS, ids=lambda value: ascii(value)[:20])
def test_an_id_comes_back_as_it_was(server, request_id):
    assert server.said_to(request(request_id)) == [{"jsonrpc": "2.0", "id": request_id, "result": {}}]


@pytest.mark.parametrize(
    "line",
    [
        PING + b"\r",
        b"  " + PING + b"  ",
        b"\xef\xbb\xbf" + PING,
        PING[:-1] + b', "params": {"_meta": {"name": "\xff"}}}',
        PING[:-1] + rb', "params": {"_meta": {"half": "\ud83d", "other": "\uDE00", "whole": "\ud83d\ude00"}}}',
        PING[:-1] + rb', "params": {"_meta": {"nul": "\u0000"}}}',
        PING[:-1] + b', "params": null}',
        PING[:-1] + b', "params": {"_meta": {"a": ' + b"[" * 100 + b"]" * 100 + b"}}}",
        PING[:-1] + b', "more": NaN}',
        b'{"id": 1, "id": 2, "method": "x", ' + PING[1:],
    ],
    ids=["CRLF", "blanks", "BOM", "no UTF-8", "surrogates", "NUL", "null", "nested", "NaN", "keys twice"],
)
def test_a_message_may_be_a_little_damaged(server, line):
    assert server.said_to(line) == [{"jsonrpc": "2.0", "id": "p", "result": {}}]


@pytest.mark.parametrize("token", [None, True, 1.5, [], {}, "", "\0", 0, -1, 10**30, "x" * 10**5], ids=str)
def test_a_call_with_an_odd_progress_token_is_answered_once(server, token):
    arguments = {"image": str(server.picture), "question": "x", "max_tokens": 2}
    (message,) = server.said_to(call(name="ask", arguments=arguments, _meta={"progressToken": token}))
    assert message["id"] == "c"
    assert message.get("error", {}).get("code") == INVALID_PARAMS or "ab ab " in str(message["result"])


@pytest.mark.parametrize("value", ["\ud83d", "\0", "\x1b[2J\u202e", "x" * 10**6, "../" * 1000, 7, None, [], {}, [[]]])
def test_an_argument_that_is_no_picture_is_told_in_a_short_sentence(server, value):
    (message,) = server.said_to(call(name="ocr", arguments={"image": value}))
    text = message["result"]["content"][0]["text"]
    assert message["result"]["isError"]
    assert len(text) < 800
    assert not {"\0", "\x1b", "\u202e"} & set(text)


def test_a_second_handshake_changes_nothing(server):
    client = {"protocolVersion": "1999-01-01", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
    (message,) = server.said_to(request("again", "initialize", params=client))
    assert message["id"] == "again"


def test_two_requests_of_one_id_are_two_answers(server):
    assert server.said_to(PING, PING) == [{"jsonrpc": "2.0", "id": "p", "result": {}}] * 2


def test_a_thousand_bad_lines_in_a_row_are_a_thousand_errors(server):
    said = server.said_to(*[b"x"] * 1000)
    assert [message["error"]["code"] for message in said] == [PARSE_ERROR] * 1000
