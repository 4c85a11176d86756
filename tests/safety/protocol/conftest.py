"""A server that is abused, and that answers the next call all the same."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.faces import conftest as faces
from tests.faces.mcp import conftest as mcp
from tests.faces.mcp.conftest import Host

home, parrot, picture, host = faces.home, faces.parrot, faces.picture, mcp.host


class Abused(Host):
    """A server in a folder of its own, with one picture in it; what it writes to stderr is in a file there."""

    def __init__(self, model: Path, folder: Path) -> None:
        self.picture, self.log = folder / "picture.png", folder / "log"
        Image.linear_gradient("L").resize((90, 40)).convert("RGB").save(self.picture)
        with self.log.open("wb") as log:
            super().__init__([sys.executable, "-m", "mlxvision_mcp", "--model", str(model)], folder, log.fileno())
        self.start()

    def ask(self) -> int:
        return self.call("ask", image=str(self.picture), question="x", max_tokens=2)

    def said_to(self, *lines: bytes) -> list[dict]:
        """Write lines. -> all that is answered before the next call is, and that rightly."""
        n_before = len(self.lines)
        for line in lines:
            self.write(line)
        call = self.ask()
        assert self.answer(call)["result"]["content"][0]["text"] == "ab ab "
        messages = [json.loads(line) for line in self.lines[n_before:]]
        return [message for message in messages if "id" in message and message["id"] != call]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, parrot: Path) -> Iterator[Abused]:
    """One for all tests of a file: it is alive after them, and had nothing to complain of."""
    one = Abused(parrot, tmp_path_factory.mktemp("server"))
    yield one
    alive = one.process.poll() is None
    one.close()
    assert alive
    assert b"Traceback" not in one.log.read_bytes()
