"""TFRecord files of `tf.train.Example`, as TensorFlow, Keras and JAX pipelines read them; written without TensorFlow.

The format: https://www.tensorflow.org/tutorials/load_data/tfrecord. The messages of an Example are few and do not
change, so their protocol buffer encoding (https://protobuf.dev/programming-guides/encoding/) is written out here.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

import google_crc32c

from earthcurator.export.labelled import Labelled
from earthcurator.export.rows import UNSPLIT, ClassNumbers, facts, to_json, with_pictures
from earthcurator.export.shards import Shards


def write_tfrecord(
    out: Path, rows: Iterable[Labelled], pictures: Callable[[Sequence[str]], Mapping[str, bytes]]
) -> int:
    """Write `<split>-<number>.tfrecord` and `classes.json`. What is not known of a chip is left out of its Example.

    `image/bounds` has 32 bits a number, as all of an Example's: good to a metre. `image/facts` is JSON, and exact.
    """
    numbers = ClassNumbers()
    count = 0
    with Shards(out, "tfrecord", _new_file) as shards:
        for row, picture in with_pictures(rows, pictures):
            record = _record(_example(_features(row, picture, numbers.of(row))))
            shards.with_room(row.split or UNSPLIT, len(record)).write(record)
            count += 1
    numbers.write(out)
    return count


def _features(row: Labelled, picture: bytes, numbers: list[int]) -> dict[str, bytes]:
    chip = row.chip
    features = {
        "image/encoded": _texts([picture]),
        "image/format": _texts([chip.media_type.removeprefix("image/").encode()]),
        "image/height": _integers([chip.height]),
        "image/width": _integers([chip.width]),
        "image/class/label": _integers(numbers),
        "image/class/text": _texts([label.encode() for label in row.labels]),
        "image/source_id": _texts([chip.id.encode()]),
        "image/facts": _texts([to_json(facts(row)).encode()]),
    }
    if chip.box is not None:
        features["image/bounds"] = _floats([chip.box.west, chip.box.south, chip.box.east, chip.box.north])
    if chip.time is not None:
        features["image/time"] = _texts([chip.time.isoformat().encode()])
    return features


def _record(content: bytes) -> bytes:
    length = struct.pack("<Q", len(content))
    return b"".join((length, _checksum(length), content, _checksum(content)))


def _checksum(content: bytes) -> bytes:
    """CRC-32C, turned and shifted as the format has it."""
    crc = google_crc32c.value(content)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _example(features: Mapping[str, bytes]) -> bytes:
    entries = (_field(1, name.encode()) + _field(2, feature) for name, feature in sorted(features.items()))
    return _field(1, b"".join(_field(1, entry) for entry in entries))


def _texts(values: Sequence[bytes]) -> bytes:
    return _field(1, b"".join(_field(1, value) for value in values))


def _floats(values: Sequence[float]) -> bytes:
    return _field(2, _field(1, struct.pack(f"<{len(values)}f", *values)))


def _integers(values: Sequence[int]) -> bytes:
    return _field(3, _field(1, b"".join(map(_varint, values))))


def _field(number: int, content: bytes) -> bytes:
    """A field that holds bytes, text or another message."""
    return b"".join((_varint(number << 3 | 2), _varint(len(content)), content))


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that more follow."""
    more = bytearray()
    while value > 0x7F:
        more.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*more, value))


def _new_file(path: Path) -> IO[bytes]:
    return path.open("xb")
