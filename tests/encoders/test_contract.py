"""Every encoder we ship keeps the same promises."""

from __future__ import annotations

from earthcurator.encoders import Encoder, EncoderCard, OnnxEncoder, PixelEncoder, packaged
from earthcurator.testing.encoders import EncoderContract
from tests.encoders.tiny_models import tiny_onnx


class TestPixelEncoder(EncoderContract):
    def encoder(self) -> Encoder:
        return PixelEncoder()


class TestPackaged64(EncoderContract):
    def encoder(self) -> Encoder:
        return packaged("lite0-64")


class TestPackaged128(EncoderContract):
    def encoder(self) -> Encoder:
        return packaged("lite0-128")


class TestAnyBatch(EncoderContract):
    def encoder(self) -> Encoder:
        return OnnxEncoder(tiny_onnx(), EncoderCard(name="tiny", dim=6, input_size=16))


class TestBatchOfOne(EncoderContract):
    def encoder(self) -> Encoder:
        return OnnxEncoder(tiny_onnx(batch=1), EncoderCard(name="one", dim=6, input_size=16))


class TestBatchOfThree(EncoderContract):
    def encoder(self) -> Encoder:
        return OnnxEncoder(tiny_onnx(batch=3), EncoderCard(name="three", dim=6, input_size=16))


class TestFloatInput(EncoderContract):
    def encoder(self) -> Encoder:
        card = EncoderCard(
            name="float", dim=6, input_size=16, input="float32", mean=(0.4, 0.5, 0.6), std=(0.2, 0.2, 0.3)
        )
        return OnnxEncoder(tiny_onnx(layout="float32"), card)
