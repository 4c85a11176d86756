"""Setting one member of a JSON text so that all else stays as it was written: order, layout, numbers, comments."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

_STRING = r'"(?:\\.|[^"\\])*"'
_COMMENT = re.compile(rf"({_STRING})|//[^\n]*|/\*.*?\*/", re.DOTALL)
_LAST_COMMA = re.compile(rf"({_STRING})|,(?=\s*[]}}])")
_KEY = re.compile(rf"[\s,]*({_STRING})\s*:\s*")
_HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")


def to_strict(text: str) -> str:
    """Blanks in place of comments and of commas before a bracket, so that every place in the text is where it was."""
    return _blank(_LAST_COMMA, _blank(_COMMENT, text))


def with_member(text: str, keys: Sequence[str], value: Mapping[str, Any]) -> str:
    """text: of an object. keys: the way to the member through objects; those that are missing are made."""
    strict = to_strict(text)
    indented = re.match(r"\s*\{\s*\n([ \t]+)", strict)
    unit = indented[1] if indented else "  "
    start, end = strict.index("{"), len(strict)
    for depth, key in enumerate(keys, 1):
        members = _members(strict, start)
        if key not in members:
            for inner in reversed(keys[depth:]):
                value = {inner: value}
            return _appended(
                text, start, f"{json.dumps(key)}: {_written(value, unit, depth)}", unit * (depth - 1), unit
            )
        start, end = members[key]
    return text[:start] + _written(value, unit, len(keys)) + text[end:]


def _members(strict: str, start: int) -> dict[str, tuple[int, int]]:
    """Where the values of the object at start begin and end."""
    members, at = {}, start + 1
    while found := _KEY.match(strict, at):
        at = _end(strict, found.end())
        members[json.loads(found[1])] = found.end(), at
    return members


def _appended(text: str, start: int, member: str, indent: str, unit: str) -> str:
    """member: to come last in the object at start, whose bracket is indented by indent."""
    strict = to_strict(text)
    close = _end(strict, start) - 1
    ends = [end for _, end in _members(strict, start).values()]
    end, last = max(ends, default=start + 1), len(text[:close].rstrip())
    comma = "," if ends and "," not in _blank(_COMMENT, text)[end:close] else ""
    gap = text[last:close] if "\n" in text[last:close] else f"\n{indent}"
    return f"{text[:end]}{comma}{text[end:last]}\n{indent}{unit}{member}{gap}{text[close:]}"


def _end(strict: str, start: int) -> int:
    return json.JSONDecoder().raw_decode(strict, start)[1]


def _written(value: Mapping[str, Any], unit: str, depth: int) -> str:
    """Half a character, which a host may have cut off, stays as its escape."""
    text = json.dumps(value, indent=unit, ensure_ascii=False).replace("\n", "\n" + unit * depth)
    return _HALF_A_CHARACTER.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


def _blank(kind: re.Pattern[str], text: str) -> str:
    return kind.sub(lambda found: found[1] or re.sub(r"\S", " ", found[0]), text)
