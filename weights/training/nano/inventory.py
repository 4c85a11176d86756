"""What there is in a picture, counted before any question is answered."""

from __future__ import annotations

from training.nano.documents import Document


def inventory(document: Document, transcript: str) -> str:
    """A line for each entry of the transcript; then how many entries and figures there are, and what the picture is."""
    entries = [" ".join(filter(None, entry)) for entry in document.entries if entry[0] in transcript]
    lines = [f"{number} {entry}" for number, entry in enumerate(entries, 1)]
    return "\n".join([*lines, f"number: {len(lines) + len(document.things)}", f"picture: {document.whole}"])
