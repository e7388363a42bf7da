"""The model card of an export: README.md, with the front matter that Hugging Face reads."""

from __future__ import annotations

import json
from typing import Any

from aeden.inference import enlarger_card
from aeden.inference.noise_level import highest_level
from aeden.inference.onnx_program import ENDS

NOT_TESTED = "The run was not tested.\n"
HEADER = "| noise | noisy: PSNR, dB | restored: PSNR, dB | noisy: SSIM | restored: SSIM |"
JAX_SNIPPET = """\
`model.jax` needs jax alone (`pip install jax flatbuffers`):

```python
import jax
import numpy
from jax import export

with open("model.jax", "rb") as file:
    {verb} = export.deserialize(bytearray(file.read())).call
{given} = numpy.random.uniform(size=({example})).astype("float32")  # values in [0, 1]
{result} = {verb}({arguments})
```

It takes {shape}, and runs on CPUs, CUDA, ROCm and TPUs. jax loads
such files for at least six months of its releases.
"""
ONNX_SNIPPET = """\
`model.onnx` needs ONNX Runtime and NumPy alone (`pip install onnxruntime`):

```python
import numpy
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
{given} = numpy.random.uniform(size=({example})).astype("float32")  # values in [0, 1]
({result},) = session.run(None, {arguments})
```

It takes {shape}.
"""


def model_card(settings: dict[str, Any], summary: dict[str, Any], name: str, file_format: str = "") -> str:
    """The text of the card.

    Args:
      settings: config.json of the export, see `aeden.inference.export.describe`.
      summary: summary.json of the run. What it does not have is said not to be known.
      name: the title.
      file_format: "jax" if there is a model.jax, "onnx" if there is a model.onnx.
    """
    parts = [
        _front_matter(settings),
        f"# {plain(name)}\n",
        _introduction(settings),
        "## Use\n",
        _use(settings, file_format),
        "## Trained on\n",
        _training(settings, summary),
        "## Results\n",
        _results(settings, summary),
        "## Limits\n",
        _limits(settings),
        "## Make it again\n",
        _made_by(settings, summary),
    ]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _front_matter(settings: dict[str, Any]) -> str:
    """YAML, whose strings are written as those of JSON, which YAML takes."""
    model, data = settings["model"], settings["dataset"]["name"]
    network = "autoencoder" if model["architecture"] != "unet" else "unet"
    purposes = enlarger_card.TAGS if _enlarges(settings) else ("denoising", "image-restoration", network)
    tags = [*purposes, "jax", "flax"]
    lines = [
        f"license: {json.dumps(str(settings['license']).lower())}",
        "library_name: aeden",
        "pipeline_tag: image-to-image",
        f"tags: {json.dumps(tags)}",
        f"datasets: {json.dumps([plain(data)] if data else [])}",
        "metrics: [psnr, ssim]",
    ]
    return "\n".join(["---", *lines, "---", ""])


def plain(text: Any) -> str:
    """A name without what Markdown or a terminal would take for its own; of a path, only the last part."""
    last = str(text).rstrip("/").rpartition("/")[2] if str(text).startswith(("/", "~", ".")) else str(text)
    return "".join(one for one in last if one.isprintable() and one not in "<>|`[]") or "model"


def _introduction(settings: dict[str, Any]) -> str:
    model = settings["model"]
    kind = {"unet": "U-Net", "conv": "convolutional autoencoder", "dense": "dense autoencoder"}[model["architecture"]]
    decoder = "" if model["architecture"] == "dense" else f" with the decoder `{model['decoder']}`"
    colour = {1: "gray", 3: "colour"}.get(settings["channels"], f"{settings['channels']}-channel")
    size = f" of {settings['size'][0]} x {settings['size'][1]} pixels" if settings["size"] else " of any size"
    bits = {"float16": "half precision", "float32": "float32"}[settings["dtype"]]
    purpose = f"{_line(settings['purpose'])}\n\n" if settings["purpose"] else ""
    task = f"Removes noise from {colour} images{size}: a {kind}"
    if _enlarges(settings):
        task = enlarger_card.task(settings, colour)
    return f"{purpose}{task}{decoder} of {settings['parameters']:,} parameters, kept in {bits}.\n"


def _enlarges(settings: dict[str, Any]) -> bool:
    return "super_resolve" in settings


def _line(text: str) -> str:
    """A text in one line."""
    return " ".join(text.split())


def _use(settings: dict[str, Any], file_format: str) -> str:
    command = "denoise FOLDER noisy.png -o clean.png" + " --level 0.1" * settings["takes_level"]
    verb, (given, result) = "restore", ENDS["denoise"]
    if _enlarges(settings):
        command, verb, (given, result) = "enlarge FOLDER small.png -o large.png", "enlarge", ENDS["super_resolve"]
    text = (
        f"With aeden {settings['aeden_version']} or newer, in the folder above this one, called FOLDER here:\n\n"
        f"    aeden {command}\n"
    )
    if file_format not in ("jax", "onnx"):
        return text
    if settings["size"]:
        height, width = settings["size"]
        shape = f"images [n, {height}, {width}, {settings['channels']}], any number of them"
    else:
        height, width = 100, 150
        shape = f"images [n, height, width, {settings['channels']}] of any number, height and width"
    if settings["takes_level"]:
        shape += ", and the noise level of each, [n]"
    example = f"2, {height}, {width}, {settings['channels']}"
    levels = 'numpy.full(2, 0.1, "float32")'
    if file_format == "onnx":
        told = f', "level": {levels}' if settings["takes_level"] else ""
        fed = f'{{"{given}": {given}{told}}}'
        return (
            text + "\n" + ONNX_SNIPPET.format(given=given, result=result, example=example, arguments=fed, shape=shape)
        )
    fed = f"{given}, {levels}" if settings["takes_level"] else given
    names = {"verb": verb, "given": given, "result": result}
    return text + "\n" + JAX_SNIPPET.format(**names, example=example, arguments=fed, shape=shape)


def _training(settings: dict[str, Any], summary: dict[str, Any]) -> str:
    noise, data = settings["noise"], settings["dataset"]
    name = plain(data["name"]) if data["name"] else "not recorded"
    lines = [f"- data: {name}, sha256 `{data['sha256'] or 'not recorded'}`"]
    counts = summary.get("examples")
    if isinstance(counts, dict):
        lines.append("- examples: " + ", ".join(f"{count:,} {split}" for split, count in counts.items()))
    if _enlarges(settings):
        lines.append(enlarger_card.training(settings))
    if _enlarges(settings) and not highest_level(noise):
        lines.append("- noise: none")
    elif summary.get("noise", {}).get("kind") == "pairs":
        lines.append("- noise: that of the noisy images that came with the clean ones")
    else:
        clipped = "clipped to [0, 1]" if noise.get("clip", True) else "not clipped"
        lines.append(f"- noise: {noise.get('kind', 'gaussian')}, level {levels_of(noise)}, {clipped}")
    if not _enlarges(settings):
        told = "is told the noise level" if settings["takes_level"] else "is not told the noise level"
        lines.append(f"- the network {told}")
    if "steps" in summary:
        seconds = summary.get("wall_seconds")
        where = _hardware(summary.get("hardware", {}))
        lines.append(f"- {summary['steps']:,} steps" + (f" in {seconds / 60:.1f} minutes{where}" if seconds else ""))
    return "\n".join(lines) + "\n"


def _hardware(hardware: dict[str, Any]) -> str:
    """What a training ran on, e.g. " on 2 cores of AMD EPYC" or " on one NVIDIA H100"; empty if unknown."""
    if not hardware:
        return ""
    if hardware.get("platform", "cpu") == "cpu":
        cores = hardware.get("cores", "?")
        return f" on {cores} core{'s' * (cores != 1)} of {hardware.get('processor', '?')}"
    devices = hardware.get("devices", 1)
    return f" on {'one' if devices == 1 else devices} {hardware.get('device_kind', hardware['platform'])}"


def levels_of(noise: dict[str, Any]) -> str:
    """The noise levels of a training, e.g. "0.05 to 0.45" or "0 to 55/255", in the unit of `noise.level`."""
    low, high = noise.get("level", 0.0), noise.get("level_max") or 0.0
    return f"{_level(low)} to {_level(high)}" if high > low else _level(low)


def _noise(settings: dict[str, Any]) -> str:
    """The noise of a training in a few words; "" for none."""
    noise = settings["noise"]
    return f"{noise.get('kind', 'gaussian')}, level {levels_of(noise)}" if highest_level(noise) else ""


def _level(level: float) -> str:
    """A noise level as its users write it: "0.1", or "25/255" if it is a whole number of 255 and no short decimal."""
    of_255 = round(level * 255)
    whole = abs(level * 255 - of_255) < 1e-3 and len(f"{level:.6g}") > 5
    return f"{of_255}/255" if whole else f"{level:.3g}"


def _results(settings: dict[str, Any], summary: dict[str, Any]) -> str:
    """Figures of the test of the run, before the export."""
    count = summary["examples"]["test"] if "examples" in summary else None
    of = "On the test images" if count is None else f"On {count:,} test image{'s' * (count != 1)}"
    about = f"{of}." + ("" if settings["seed"] is None else f" One run, seed {settings['seed']}.")
    if _enlarges(settings):
        return enlarger_card.results(summary, about, _noise(settings)) if summary.get("test") else NOT_TESTED
    rows = {"that of the training": summary, **(summary.get("levels") or {}), **(summary.get("noises") or {})}
    lines = []
    for noise, row in rows.items():
        noisy, restored = row.get("noisy") or {}, row.get("test") or {}
        if all(metric in one for one in (noisy, restored) for metric in ("psnr", "ssim")):
            name = noise if noise.startswith("that") or ":" in noise else f"level {_level(float(noise))}"
            figures = f"{noisy['psnr']:.2f} | {restored['psnr']:.2f} | {noisy['ssim']:.4f} | {restored['ssim']:.4f}"
            lines.append(f"| {name} | {figures} |")
    if not lines:
        return NOT_TESTED
    return "\n".join([f"{about}\n", HEADER, "|---|---|---|---|---|", *lines]) + "\n"


def _limits(settings: dict[str, Any]) -> str:
    if _enlarges(settings):
        return enlarger_card.limits(_noise(settings))
    noise = settings["noise"]
    return (
        "It restores what it was trained for: images like those of its data, with noise like that of its training "
        f"({noise.get('kind', 'gaussian')}, level {levels_of(noise)}). It removes detail that looks like noise and may "
        "invent detail that was not there, so do not use it where a pixel is evidence, as in medicine or forensics. It "
        "removes no blur, no compression artifacts and no stains, unless it was trained to.\n"
    )


def _made_by(settings: dict[str, Any], summary: dict[str, Any]) -> str:
    command = f"    {_line(settings['made_by'])}\n\n" if settings["made_by"] else ""
    commit = str(summary.get("commit", "unknown"))
    versions = summary.get("versions") or {}
    listed = ", ".join(f"{name} {version}" for name, version in versions.items()) or "not recorded"
    return (
        f"{command}The whole config of the training is in `config.json`, section `training`. Commit: {commit}. "
        f"Versions: {listed}.\n"
    )
