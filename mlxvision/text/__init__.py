"""Text to token ids and back."""

from mlxvision.text.tokenizer import Detokenizer, Tokenizer

__all__ = ["Detokenizer", "Tokenizer"]
