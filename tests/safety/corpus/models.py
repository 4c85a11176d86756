"""Ways to break a model directory, and to be hostile without breaking it: each done to a tiny checkpoint that works."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from mlxvision_weights.registry import bundled_model
from tests.fakes.checkpoints import make_mllama
from tests.families.qwen2_5_vl.tiny import TINY as QWEN2_5
from tests.families.qwen2_vl.tiny import TINY as QWEN2
from tests.families.qwen3_vl.tiny import TINY as QWEN3
from tests.safety.corpus.model_configs import config_cases, file_cases, reading_cases, tokenizer_cases
from tests.safety.corpus.model_files import (
    CONFIG,
    WEIGHTS,
    Case,
    Spoil,
    all_of,
    changed,
    linked,
    replaced,
    write,
)
from tests.safety.corpus.model_weights import header_cases, index_cases, tensor_cases

MARKER = "ran"
"""The file that code of a model directory would make beside it, if it ran."""


def write_base(base: str, directory: Path) -> None:
    """A model that works."""
    if base == "nano":
        directory.mkdir()
        for path in bundled_model().iterdir():
            if path.suffix == ".safetensors":
                (directory / path.name).symlink_to(path)
            else:
                shutil.copy(path, directory)
    else:
        tiny = {"mllama": make_mllama, "qwen2_vl": QWEN2.write, "qwen2_5_vl": QWEN2_5.write, "qwen3_vl": QWEN3.write}
        tiny[base](directory)


def broken_models() -> list[Case]:
    return [
        *header_cases(),
        *index_cases(),
        *tensor_cases(),
        *file_cases(),
        *config_cases(),
        *tokenizer_cases(),
        *reading_cases(),
    ]


def hostile_models() -> list[Case]:
    """They answer as if nothing had been done."""
    return [Case(name, "mllama", spoil, error=None) for name, spoil in _harmless().items()]


def _harmless() -> dict[str, Spoil]:
    run = f"__import__('os').system('touch {MARKER}')"
    code = f"open({MARKER!r}, 'w').close()"
    jinja = (
        "{{ cycler.__init__.__globals__.os.system('touch "
        + MARKER
        + "') }}{% for i in range(10**9) %}{{i}}{% endfor %}"
    )
    return {
        "auto_map": all_of(
            changed(CONFIG, "auto_map", {"AutoModel": "evil.Model", "AutoConfig": "evil.Config"}),
            write("evil.py", code),
        ),
        "model_file": all_of(changed(CONFIG, "model_file", "evil.py"), write("evil.py", code)),
        "trust flags": changed(CONFIG, "trust_remote_code", True),
        "modules with known names": all_of(
            *(write(f"{n}.py", code) for n in ("__init__", "modeling_mllama", "json", "numpy", "mlx", "sitecustomize"))
        ),
        "a chat template in Jinja": write("chat_template.jinja", jinja),
        "a chat template in JSON": write("chat_template.json", json.dumps({"chat_template": jinja})),
        "a tokenizer's config with code": write(
            "tokenizer_config.json",
            json.dumps({"chat_template": jinja, "auto_map": {"AutoTokenizer": ["evil.T", None]}}),
        ),
        "pickles beside the weights": write("pytorch_model.bin", f"cposix\nsystem\n(S'touch {MARKER}'\ntR."),
        "a generation config of nonsense": write("generation_config.json", f'{{"eos_token_id": "{run}"}}'),
        "a quantization that is not there": changed(CONFIG, "quantization", {"bits": 1 << 62, "group_size": -1}),
        "weights behind a link": linked(WEIGHTS),
        "a manifest of nonsense": write("manifest.json", b'{"files": {"../../../etc/passwd": {"size": 1e999}}}'),
        "a manifest that is a fifo": replaced("manifest.json", "fifo"),
        "a manifest too deep to walk": write("manifest.json", b'{"files":' + b"[" * 900 + b"]" * 900 + b"}"),
    }
