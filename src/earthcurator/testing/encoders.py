"""What every encoder promises. Subclass `EncoderContract` in a test module and say how to make the encoder:

class TestMyEncoder(EncoderContract):
    def encoder(self):
        return MyEncoder()
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from earthcurator.encoders import Encoder


class EncoderContract(ABC):
    """Tests that pytest collects through a subclass whose name starts with `Test`."""

    @abstractmethod
    def encoder(self) -> Encoder:
        """A new encoder, made the same way each time."""

    def pictures(self, count: int) -> NDArray[np.uint8]:
        """Different pictures of the size that the encoder reads: coloured noise of different coarseness."""
        size = self.encoder().card.input_size
        rng = np.random.default_rng(7)
        made = np.empty((count, size, size, 3), np.uint8)
        for index in range(count):
            cells = rng.integers(0, 256, (2 + index % 5, 2 + index % 3, 3), dtype=np.uint8)
            made[index] = cells[np.arange(size) * len(cells) // size][:, np.arange(size) * cells.shape[1] // size]
        return made

    def test_vectors_are_float32_unit_rows_of_the_stated_length(self) -> None:
        """Vectors have the type, the length and the norm that indexes rely on."""
        encoder = self.encoder()
        vectors = encoder.encode(self.pictures(5))
        assert vectors.dtype == np.float32
        assert vectors.shape == (5, encoder.card.dim)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)

    def test_same_pictures_give_the_same_vectors(self) -> None:
        """Encoding is deterministic, also across instances."""
        pictures = self.pictures(4)
        np.testing.assert_array_equal(self.encoder().encode(pictures), self.encoder().encode(pictures))

    def test_different_pictures_give_different_vectors(self) -> None:
        """The encoder sees something."""
        first, second = self.encoder().encode(self.pictures(2))
        assert first @ second < 0.9999

    def test_vector_does_not_depend_on_the_rest_of_the_batch(self) -> None:
        """A picture gets the same vector alone and in company."""
        encoder, pictures = self.encoder(), self.pictures(7)
        together = encoder.encode(pictures)
        alone = np.concatenate([encoder.encode(pictures[i : i + 1]) for i in range(len(pictures))])
        assert (together * alone).sum(axis=1).min() >= 0.9999

    def test_no_pictures_give_no_vectors(self) -> None:
        """An empty batch is no special case for callers."""
        encoder = self.encoder()
        assert encoder.encode(self.pictures(0)).shape == (0, encoder.card.dim)

    def test_blank_pictures_have_vectors_too(self) -> None:
        """Black, grey and white pictures have a direction too."""
        encoder = self.encoder()
        size = encoder.card.input_size
        blank = np.stack([np.full((size, size, 3), value, np.uint8) for value in (0, 127, 128, 255)])
        assert np.isfinite(encoder.encode(blank)).all()

    def test_threads_may_share_it(self) -> None:
        """`embed` calls one encoder from all its threads."""
        encoder, pictures = self.encoder(), self.pictures(4)
        expected = encoder.encode(pictures)
        with ThreadPoolExecutor(4) as pool:
            for vectors in pool.map(encoder.encode, [pictures] * 8):
                np.testing.assert_allclose(vectors, expected, atol=1e-6)

    def test_id_is_twelve_hex_digits_and_stable(self) -> None:
        """The id names the index, so it must not vary."""
        first, second = self.encoder().id, self.encoder().id
        assert first == second
        assert len(first) == 12
        assert int(first, 16) >= 0
