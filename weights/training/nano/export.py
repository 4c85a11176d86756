"""Write the averaged weights of a training state as a checkpoint in hub layout, in bfloat16.

Usage: python -m training.nano.export STATE.pt DIRECTORY
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from training.nano.asking import FIND_REQUEST, LOOK_PATCHES, LOOK_REQUEST, TRANSCRIPT_CHARS
from training.nano.characters import BEGIN, END_OF_TURN, PAD, ROW_MARKS, build_tokenizer
from training.nano.mixture import READ_REQUEST
from training.nano.model import GRID, PATCH, ROW_PATCHES, Reader
from training.nano.rows import EM_PX, ROW_PX

_PREPROCESSOR = {
    "image_processor_type": "MllamaImageProcessor",
    "do_convert_rgb": True,
    "do_resize": True,
    "do_rescale": True,
    "do_normalize": True,
    "do_pad": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "max_image_tiles": 1,
    "resample": 2,
    "rescale_factor": 1 / 255,
    "size": {"height": GRID * PATCH, "width": GRID * PATCH},
}
_TOKENIZER = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "bos_token": "<|begin_of_text|>",
    "eos_token": "<|eot_id|>",
    "pad_token": "<|finetune_right_pad_id|>",
    "unk_token": "<|unk|>",
    "clean_up_tokenization_spaces": False,
    "model_input_names": ["input_ids", "attention_mask"],
}
_READING = {
    "requests": [
        "Read the text.",
        "Read the text",
        "Read all the text.",
        "Read this.",
        "OCR",
        "ocr",
        "Transcribe the text.",
        "Transcribe this image.",
        "Extract the text.",
        "What does it say?",
        "What does this say?",
        "What does the text say?",
    ],
    "sheet_request": READ_REQUEST,
    "row_marks": list(ROW_MARKS),
    "row_tokens": [1, ROW_PATCHES * GRID],
    "transcript_chars": TRANSCRIPT_CHARS,
    "look_px": LOOK_PATCHES * PATCH,
    "look_request": LOOK_REQUEST,
    "find_request": FIND_REQUEST,
    "rows": {"canvas_px": GRID * PATCH, "row_px": ROW_PX, "em_px": EM_PX},
}
_GENERATION = {"bos_token_id": BEGIN, "eos_token_id": END_OF_TURN, "pad_token_id": PAD, "do_sample": False}
_CHAT_TEMPLATE = (
    "{{- '<|begin_of_text|>' }}"
    "{%- for message in messages %}"
    "{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}"
    "{%- if message['content'] is string %}{{- message['content'] }}"
    "{%- else %}{%- for part in message['content'] %}"
    "{{- '<|image|>' if part['type'] == 'image' else part['text'] }}"
    "{%- endfor %}{%- endif %}"
    "{{- '<|eot_id|>' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}"
)


def export(state: Path, directory: Path) -> None:
    reader = Reader()
    reader.load_state_dict(torch.load(state, map_location="cpu")["average"])
    reader.net.to(torch.bfloat16).save_pretrained(directory)
    build_tokenizer().save(str(directory / "tokenizer.json"))
    (directory / "chat_template.jinja").write_text(_CHAT_TEMPLATE, encoding="utf-8")
    tables = {
        "preprocessor_config": _PREPROCESSOR,
        "tokenizer_config": _TOKENIZER,
        "generation_config": _GENERATION,
        "reading": _READING,
    }
    for name, table in tables.items():
        (directory / f"{name}.json").write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("state", type=Path)
    parser.add_argument("directory", type=Path)
    arguments = parser.parse_args()
    export(arguments.state, arguments.directory)


if __name__ == "__main__":
    main()
