from __future__ import annotations

import threading
from collections.abc import Iterator
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from earthcurator.encoders import PixelEncoder, embed, prepare
from earthcurator.errors import BadEncoder

ENCODER = PixelEncoder()


def png(seed: int) -> bytes:
    out = BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (9, 9, 3), dtype=np.uint8)).save(out, "png")
    return out.getvalue()


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("count", [0, 1, 4, 50])
def test_vectors_come_in_order(threads: int, count: int) -> None:
    pictures = [(number, png(number)) for number in range(count)]
    batches = list(embed(pictures, ENCODER, threads=threads, batch_size=4))
    assert [key for batch in batches for key in batch.keys] == list(range(count))
    for batch in batches:
        expected = ENCODER.encode(np.stack([prepare(pictures[key][1], ENCODER.card) for key in batch.keys]))
        np.testing.assert_array_equal(batch.vectors, expected)


def test_broken_pictures_are_listed_and_the_rest_goes_on() -> None:
    pictures = [(number, b"broken" if number % 3 == 0 else png(number)) for number in range(20)]
    batches = list(embed(pictures, ENCODER, threads=2, batch_size=4))
    assert [key for batch in batches for key, _ in batch.failed] == [0, 3, 6, 9, 12, 15, 18]
    assert sum(len(batch.vectors) for batch in batches) == 13
    assert "picture" in str(batches[0].failed[0][1])


def test_batch_of_only_broken_pictures_has_no_vectors() -> None:
    (batch,) = embed([("a", b""), ("b", b"x")], ENCODER, threads=2)
    assert (batch.keys, batch.vectors.shape, len(batch.failed)) == ([], (0, 192), 2)


def test_only_a_few_batches_are_read_ahead() -> None:
    read = 0

    def pictures() -> Iterator[tuple[int, bytes]]:
        nonlocal read
        while True:
            read += 1
            yield read, png(0)

    batches = embed(pictures(), ENCODER, threads=2, batch_size=4)
    next(batches)
    assert read <= 4 * 6
    batches.close()


def test_closing_stops_the_threads() -> None:
    before = set(threading.enumerate())
    batches = embed(((i, png(0)) for i in range(10**9)), ENCODER, threads=3, batch_size=4)
    next(batches)
    batches.close()
    assert set(threading.enumerate()) <= before


def test_encoder_that_fails_ends_the_run_with_its_own_error() -> None:
    class Failing(PixelEncoder):
        def encode(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
            raise BadEncoder("it gives zeros")

    with pytest.raises(BadEncoder, match="zeros"):
        list(embed([(1, png(1))], Failing(), threads=2))


def test_picture_without_a_vector_is_left_out_and_named() -> None:
    class Picky(PixelEncoder):
        def encode(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
            if (pictures.mean(axis=(1, 2, 3)) < 20).any():
                raise BadEncoder("it gives zeros")
            return super().encode(pictures)

    dark = BytesIO()
    Image.new("RGB", (8, 8)).save(dark, "png")
    (batch,) = embed([(1, png(1)), (2, dark.getvalue()), (3, png(3))], Picky(), threads=1)
    assert batch.keys == [1, 3]
    assert batch.vectors.shape == (2, 192)
    assert [(key, str(error)) for key, error in batch.failed] == [(2, "it gives zeros")]


def test_error_while_reading_reaches_the_caller() -> None:
    def pictures() -> Iterator[tuple[int, bytes]]:
        yield 1, png(1)
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="disk"):
        list(embed(pictures(), ENCODER, threads=2, batch_size=1))
