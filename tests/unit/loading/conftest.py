"""The fake hub on the loopback interface."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.fakes.hub import Hub

PULL = """
import sys
from mlxvision.loading.pull import pull
pull(sys.argv[1], lambda file, here, total: print(file, here, flush=True))
"""


@dataclass
class HubOnline(Hub):
    """cut: file -> the connection ends after so many bytes.

    stall: file -> nothing more is sent after so many bytes, until the hub closes.
    """

    cut: dict[str, int] = field(default_factory=dict)
    stall: dict[str, int] = field(default_factory=dict)
    closing: Event = field(default_factory=Event)
    url: str = ""

    def environment(self) -> dict[str, str]:
        return os.environ | {"HF_ENDPOINT": self.url}

    def start_pull(self, name: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", PULL, name]
        return subprocess.Popen(command, env=self.environment(), stdout=subprocess.PIPE, text=True, encoding="utf-8")


class _Handler(BaseHTTPRequestHandler):
    hub: HubOnline

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        status, body, headers = self.hub.answer(path, self.headers.get("Range"))
        name = path.rpartition("/")[2]
        sent = self.hub.stall.get(name, self.hub.cut.get(name, len(body)))
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body[:sent])
        self.wfile.flush()
        if name in self.hub.stall:
            self.hub.closing.wait()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home of the product."""
    monkeypatch.setenv("MLXVISION_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLXVISION_MODEL", raising=False)
    return tmp_path / "home"


@pytest.fixture
def hub(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubOnline]:
    from huggingface_hub import close_session, constants

    hub = HubOnline()
    handler = type("Handler", (_Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        hub.url = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", True)
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
