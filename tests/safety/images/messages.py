"""What the text of an error must be, whoever shows it."""

import re

_INTERNALS = re.compile(r"0x[0-9a-f]{6,}|object at|<_io|Traceback|PIL\.|Errno|password")
_MOST_CHARACTERS = 600


def fault_of_message(message: str) -> str | None:
    """None for one short line that says what happened, with which value, and what to do."""
    if len(message) > _MOST_CHARACTERS:
        return f"{len(message)} characters"
    if any(ord(c) < 32 or 127 <= ord(c) < 160 or 0xD800 <= ord(c) < 0xE000 for c in message):
        return "control characters or several lines"
    if _INTERNALS.search(message):
        return "internals"
    if not re.search(r": .*\. [A-Z][^.]+.*\.$", message):
        return "no next step"
    return None
