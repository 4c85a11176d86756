"""A hub of one repository on the loopback interface, for the real client."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
WEIGHTS = bytes(range(256)) * (3 << 12)  # 3 MiB
PULL = """
import sys
from mlxvision.loading.pull import pull
pull(sys.argv[1], lambda file, here, total: print(file, here, flush=True))
"""


@dataclass
class Hub:
    """What the fake hub holds, how it misbehaves, and what it was asked.

    refuse: path prefix -> (status, the hub's error code). cut: file -> the connection ends after so many bytes.
    stall: file -> nothing more is sent after so many bytes, until the hub closes.
    """

    files: dict[str, bytes] = field(
        default_factory=lambda: {
            "README.md": b"",
            "config.json": b'{"model_type": "toy"}',
            "model.safetensors": WEIGHTS,
            "modeling.py": b"raise SystemExit",
            "original/consolidated.safetensors": b"not wanted",
            "pytorch_model.bin": b"not wanted",
        }
    )
    served: dict[str, bytes] = field(default_factory=dict)
    revisions: dict[str, str] = field(default_factory=lambda: {"main": COMMIT, "v1": COMMIT, COMMIT: COMMIT})
    refuse: dict[str, tuple[int, str]] = field(default_factory=dict)
    cut: dict[str, int] = field(default_factory=dict)
    stall: dict[str, int] = field(default_factory=dict)
    ranges: bool = True
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    closing: Event = field(default_factory=Event)
    url: str = ""

    def info(self, revision: str) -> bytes:
        siblings = []
        for name, content in self.files.items():
            blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            sibling = {"rfilename": name, "size": len(content), "blobId": blob}
            if name.endswith((".safetensors", ".bin")):
                sibling["lfs"] = {
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "size": len(content),
                    "pointerSize": 130,
                }
            siblings.append(sibling)
        return json.dumps({"id": "owner/toy", "sha": self.revisions[revision], "siblings": siblings}).encode()

    def weights_asked(self) -> list[str | None]:
        """The range of every request for the weights."""
        return [asked for name, asked in self.asked if name == "model.safetensors"]

    def environment(self) -> dict[str, str]:
        return os.environ | {"HF_ENDPOINT": self.url}

    def start_pull(self, name: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", PULL, name]
        return subprocess.Popen(command, env=self.environment(), stdout=subprocess.PIPE, text=True)


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        for prefix, (status, code) in self.hub.refuse.items():
            if path.startswith(prefix):
                self.reply(status, b"", {"X-Error-Code": code})
                return
        if path.startswith("/api/models/owner/toy"):
            revision = path.rpartition("/")[2] if "/revision/" in path else "main"
            if revision not in self.hub.revisions:
                self.reply(404, b"", {"X-Error-Code": "RevisionNotFound"})
            else:
                self.reply(200, self.hub.info(revision), {"Content-Type": "application/json"})
        elif path.startswith("/owner/toy/resolve/"):
            self.send_file(path.rpartition("/")[2])
        else:
            self.reply(404, b"", {"X-Error-Code": "RepoNotFound"})

    def send_file(self, name: str) -> None:
        wanted = self.headers.get("Range")
        self.hub.asked.append((name, wanted))
        content = self.hub.served.get(name, self.hub.files[name])
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.hub.ranges else 0
        status = 206 if wanted and self.hub.ranges else 200
        body = content[start:]
        if name in self.hub.stall:
            self.reply(status, body[: self.hub.stall[name]], {"Content-Length": str(len(body))})
            self.hub.closing.wait()
        elif name in self.hub.cut:
            self.reply(status, body[: self.hub.cut[name]], {"Content-Length": str(len(body))})
        else:
            self.reply(status, body, {})

    def reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home of the product."""
    monkeypatch.setenv("MLXVISION_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLXVISION_MODEL", raising=False)
    return tmp_path / "home"


@pytest.fixture
def hub(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    from huggingface_hub import close_session, constants

    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        hub.url = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        close_session()
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield hub
        hub.closing.set()
        close_session()
        server.shutdown()
        thread.join()
