"""A hub of one repository, for the real client: behind a socket, or without one."""

import hashlib
import json
from dataclasses import dataclass, field

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
WEIGHTS = bytes(range(256)) * (3 << 12)  # 3 MiB


@dataclass
class Hub:
    """What the hub holds, how it misbehaves, and what it was asked.

    more: files that are listed after these. served: what is sent in place of a file.
    refuse: path prefix -> (status, the hub's error code).
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
    more: list[tuple[str, bytes]] = field(default_factory=list)
    served: dict[str, bytes] = field(default_factory=dict)
    revisions: dict[str, str] = field(default_factory=lambda: {"main": COMMIT, "v1": COMMIT, COMMIT: COMMIT})
    refuse: dict[str, tuple[int, str]] = field(default_factory=dict)
    ranges: bool = True
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def answer(self, path: str, wanted: str | None) -> tuple[int, bytes, dict[str, str]]:
        """(status, body, headers) for a path. wanted: the range that is asked for."""
        for prefix, (status, code) in self.refuse.items():
            if path.startswith(prefix):
                return status, b"", {"X-Error-Code": code}
        if path.startswith("/api/models/owner/toy"):
            revision = path.rpartition("/")[2] if "/revision/" in path else "main"
            if revision not in self.revisions:
                return 404, b"", {"X-Error-Code": "RevisionNotFound"}
            return 200, self.info(revision), {"Content-Type": "application/json"}
        if path.startswith("/owner/toy/resolve/"):
            return self.send(path.rpartition("/")[2], wanted)
        return 404, b"", {"X-Error-Code": "RepoNotFound"}

    def info(self, revision: str) -> bytes:
        siblings = [_sibling(name, content) for name, content in [*self.files.items(), *self.more]]
        return json.dumps({"id": "owner/toy", "sha": self.revisions[revision], "siblings": siblings}).encode()

    def send(self, name: str, wanted: str | None) -> tuple[int, bytes, dict[str, str]]:
        self.asked.append((name, wanted))
        content = self.served.get(name) or dict([*self.more, *self.files.items()])[name]
        if wanted and self.ranges:
            return 206, content[int(wanted.removeprefix("bytes=").removesuffix("-")) :], {}
        return 200, content, {}

    def weights_asked(self) -> list[str | None]:
        """The range of every request for the weights."""
        return [asked for name, asked in self.asked if name == "model.safetensors"]

    def replace_network(self, patch: pytest.MonkeyPatch) -> None:
        """Have the client's requests answered by this hub, without a socket; in processes that are forked, too."""
        from huggingface_hub import constants
        from huggingface_hub.utils import _http, httpx

        def answer(request: httpx.Request) -> httpx.Response:
            status, body, headers = self.answer(request.url.path, request.headers.get("Range"))
            return httpx.Response(status, content=body, headers=headers)

        patch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
        patch.setattr(constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", True)  # nobody's own is sent
        patch.setattr(_http, "_GLOBAL_CLIENT", None)
        patch.setattr(_http, "_GLOBAL_CLIENT_FACTORY", lambda: httpx.Client(transport=httpx.MockTransport(answer)))


def _sibling(name: str, content: bytes) -> dict[str, object]:
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    sibling = {"rfilename": name, "size": len(content), "blobId": blob}
    if not name.endswith((".safetensors", ".bin")):
        return sibling
    sha256 = hashlib.sha256(content).hexdigest()
    return {**sibling, "lfs": {"sha256": sha256, "size": len(content), "pointerSize": 130}}
