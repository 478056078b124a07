"""An embedding model on disk, made in a moment: a folder as fastembed wants it.

Words are looked up in a table of directions, one a theme; pooling and the rest are the real ones.
"""

import json
from pathlib import Path

import numpy as np
from vendors.places import SIZE, THEMES

_SPECIALS = ["[PAD]", "[UNK]"]


def make_model(folder: Path, *, size: int = SIZE) -> Path:
    """Write the model. Another `size`, another model."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.normalizers import Lowercase
    from tokenizers.pre_tokenizers import Whitespace

    words = sorted(set.union(*THEMES))
    places = {word: place for place, word in enumerate([*_SPECIALS, *words])}
    tokenizer = Tokenizer(WordLevel(places, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = Lowercase(), Whitespace()
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    told = {"model_max_length": 128, "pad_token": "[PAD]"}
    (folder / "tokenizer_config.json").write_text(json.dumps(told))
    (folder / "config.json").write_text(json.dumps({"pad_token_id": 0, "hidden_size": size}))
    _write_graph(folder / "model.onnx", _directions(words, size))
    return folder


def _directions(words: list[str], size: int) -> "np.typing.NDArray[np.float32]":
    table = np.zeros((len(_SPECIALS) + len(words), size), dtype=np.float32)
    table[1, -1] = 0.01  # an unknown word says nearly nothing
    for place, word in enumerate(words, len(_SPECIALS)):
        for theme, known in enumerate(THEMES):
            table[place, theme] = float(word in known)
    return table


def _write_graph(file: Path, table: "np.typing.NDArray[np.float32]") -> None:
    from onnx import TensorProto, helper, numpy_helper, save

    shape = ["batch", "tokens"]
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "input_ids"], ["last_hidden_state"])],
        "directions",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64, shape)
            for name in ("input_ids", "attention_mask")
        ],
        [
            helper.make_tensor_value_info(
                "last_hidden_state", TensorProto.FLOAT, [*shape, table.shape[1]]
            )
        ],
        [numpy_helper.from_array(table, "table")],
    )
    opset = [helper.make_opsetid("", 17)]
    save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(file))
