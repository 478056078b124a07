"""A Piper voice made by hand: a graph of a few nodes with the inputs and outputs of a real one.

Real voices (VITS) take `input` (phoneme ids), `input_lengths`, `scales` (noise, length, noise of
lengths) and, with several speakers, `sid`; they give samples of -1 to 1. Source: piper's
phoneme_ids_to_audio and its voices' JSON (piper-tts 1.8). This one hums each phoneme id at a pitch
of its own, for the time that the length scale says: no speech, but Piper's own code loads it,
makes phonemes, runs it, and cannot tell.
"""

import json
import math
from pathlib import Path

import onnx
from onnx import TensorProto, helper
from piper.phoneme_ids import DEFAULT_PHONEME_ID_MAP

RATE_HZ = 22_050
PHONEME_MS = 35
_IR, _OPSET = 8, 15  # as old as what onnxruntime takes anywhere


def make_voice(folder: Path, name: str, speakers: tuple[str, ...] = ()) -> Path:
    """NAME.onnx and NAME.onnx.json in the folder; names as Piper's: `de_DE-hum-low`."""
    file = folder / f"{name}.onnx"
    onnx.save(_model(bool(speakers)), file)
    config = {
        "audio": {"sample_rate": RATE_HZ, "quality": "low"},
        "espeak": {"voice": "en-us" if name.startswith("en_US") else name[:2]},
        "phoneme_type": "espeak",
        "phoneme_id_map": DEFAULT_PHONEME_ID_MAP,
        "num_symbols": 256,
        "num_speakers": max(len(speakers), 1),
        "speaker_id_map": {speaker: number for number, speaker in enumerate(speakers)},
        "inference": {"noise_scale": 0.667, "length_scale": 1.0, "noise_w": 0.8},
        "hop_length": 256,
    }
    file.with_suffix(".onnx.json").write_text(json.dumps(config), encoding="utf-8")
    return file


def _model(several: bool) -> onnx.ModelProto:
    inputs = [
        helper.make_tensor_value_info("input", TensorProto.INT64, ["batch_size", "phonemes"]),
        helper.make_tensor_value_info("input_lengths", TensorProto.INT64, ["batch_size"]),
        helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
    ]
    if several:
        inputs.append(helper.make_tensor_value_info("sid", TensorProto.INT64, ["batch_size"]))
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch_size", 1, "time"])
    graph = helper.make_graph(_nodes(several), "hum", inputs, [output], _constants())
    opset = helper.make_opsetid("", _OPSET)
    model = helper.make_model(graph, ir_version=_IR, opset_imports=[opset])
    onnx.checker.check_model(model)
    return model


def _constants() -> list[onnx.TensorProto]:
    floats = {
        "zero": 0.0,
        "step": 1.0,
        "usual": RATE_HZ * PHONEME_MS / 1_000,  # samples of a phoneme
        "apart": 5.0,  # Hz between two ids
        "lowest": 200.0,  # Hz
        "higher": 150.0,  # Hz from one speaker to the next
        "turn": 2 * math.pi / RATE_HZ,
        "loud": 0.3,
    }
    tensors = [helper.make_tensor(n, TensorProto.FLOAT, [], [v]) for n, v in floats.items()]
    whole = {"second": ([], [1]), "flat": ([1], [-1]), "shape": ([3], [1, 1, -1])}
    tensors += [helper.make_tensor(n, TensorProto.INT64, *v) for n, v in whole.items()]
    return tensors


def _nodes(several: bool) -> list[onnx.NodeProto]:
    node = helper.make_node
    pitch = [node("Add", ["above", "lowest"], ["hertz"])]
    if several:
        pitch = [
            node("Cast", ["sid"], ["speaker"], to=TensorProto.FLOAT),
            node("Mul", ["speaker", "higher"], ["lift"]),
            node("Add", ["above", "lowest"], ["first"]),
            node("Add", ["first", "lift"], ["hertz"]),
        ]
    return [
        node("Gather", ["scales", "second"], ["length"]),
        node("Mul", ["length", "usual"], ["samples"]),
        node("Reshape", ["input", "flat"], ["ids"]),
        node("Squeeze", ["input_lengths"], ["count"]),
        node("Cast", ["count"], ["phonemes"], to=TensorProto.FLOAT),
        node("Mul", ["phonemes", "samples"], ["total"]),
        node("Range", ["zero", "total", "step"], ["at"]),
        node("Div", ["at", "samples"], ["passed"]),
        node("Sub", ["phonemes", "step"], ["last"]),
        node("Floor", ["passed"], ["begun"]),
        node("Min", ["begun", "last"], ["inside"]),
        node("Cast", ["inside"], ["place"], to=TensorProto.INT64),
        node("Gather", ["ids", "place"], ["id"]),
        node("Cast", ["id"], ["number"], to=TensorProto.FLOAT),
        node("Mul", ["number", "apart"], ["above"]),
        *pitch,
        node("Mul", ["at", "turn"], ["turns"]),
        node("Mul", ["turns", "hertz"], ["angle"]),
        node("Sin", ["angle"], ["wave"]),
        node("Mul", ["wave", "loud"], ["soft"]),
        node("Reshape", ["soft", "shape"], ["output"]),
    ]
