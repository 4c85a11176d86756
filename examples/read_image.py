"""Reads a picture with the model that comes with the package, or the one that $MLXVISION_MODEL names."""

from pathlib import Path

from mlxvision import Sampling, generate, load

model = load()
image = Path(__file__).with_name("total.png")
answer = generate(model, "Read the text.", images=[image], sampling=Sampling(max_tokens=64))

print(answer.text)
print(f"{answer.usage.image_tokens} image tokens, {answer.finish_reason=}, {answer.timings_ms}")
