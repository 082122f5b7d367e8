"""Classifiers on vectors and fine-tuned trunks: that they learn, say how sure they are, and survive export."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, multilabel_confusion_matrix
from torch import nn

from earthcurator.encoders import EncoderCard, OnnxEncoder, packaged
from earthcurator.encoders.default import packaged_weights
from earthcurator.errors import BadEncoder, BadInput
from earthcurator.learn.classifier import Head, attach, calibrated, fit_head, sigmoid, softmax
from earthcurator.learn.feed import read
from earthcurator.learn.finetune import Lesson, adapt
from earthcurator.learn.metrics import difference, draw_confusion, draw_confusions, measure
from earthcurator.learn.quality import features
from earthcurator.learn.trunks import ResNet
from earthcurator.learn.views import as_planes, preset
from tests.encoders.tiny_models import tiny_onnx
from tests.learn.scenes import SIZE, Pictures, ground, kinds, small_trunk

RNG = np.random.default_rng


def clouds(count: int, seed: int, *, noise: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors about three directions, and which."""
    rng = RNG(seed)
    labels = rng.integers(0, 3, count)
    rows = np.eye(8, dtype=np.float32)[labels] + noise * rng.standard_normal((count, 8)).astype(np.float32)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), labels


def mixtures(count: int, seed: int, *, shares: tuple[float, ...] = (0.5, 0.3, 0.1)) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors that point towards any number of three directions, and 0 or 1 for each."""
    rng = RNG(seed)
    labels = (rng.random((count, 3)) < shares).astype(np.int64)
    rows = labels @ np.eye(3, 8) + 0.4 * rng.standard_normal((count, 8)) + 0.1
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), labels


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_head_finds_classes_that_are_there(kind: str) -> None:
    head = fit_head(*clouds(200, 0), 3, kind)  # type: ignore[arg-type]  # one of the two
    vectors, truth = clouds(300, 1)
    assert (head.probabilities(vectors).argmax(axis=1) == truth).mean() > 0.7


def test_rare_class_is_not_drowned_by_a_common_one() -> None:
    rng = RNG(0)
    labels = np.repeat([0, 1], [190, 10])
    rows = rng.normal(0, 1, (200, 2)).astype(np.float32) + np.where(labels == 1, 1.2, 0)[:, None].astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    said = fit_head(rows, labels, 2, "linear").probabilities(rows).argmax(axis=1)
    assert (said[labels == 1] == 1).mean() > 0.6


def test_calibration_makes_an_overconfident_head_as_sure_as_it_is_right() -> None:
    head = fit_head(*clouds(200, 0, noise=1.0), 3, "linear")
    boastful = Head(tuple((weights * 20, bias * 20) for weights, bias in head.layers))
    after = calibrated(boastful, *clouds(400, 1, noise=1.0))
    vectors, truth = clouds(2000, 2, noise=1.0)
    before = measure(boastful.probabilities(vectors), truth, RNG(0)).calibration_error
    assert after.temperature > 5
    assert measure(after.probabilities(vectors), truth, RNG(0)).calibration_error < before / 3


def test_rare_class_is_said_as_often_as_it_is_there() -> None:
    def rare_among_common(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        rng = RNG(seed)
        labels = (np.arange(count) % 20 == 0).astype(np.int64)
        rows = np.eye(8)[labels] + 0.7 * rng.standard_normal((count, 8))
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), labels

    head = fit_head(*rare_among_common(400, 0), 2, "linear")
    vectors, truth = rare_among_common(4000, 1)
    assert head.probabilities(vectors)[:, 1].mean() > 3 * truth.mean()  # every class weighs the same while it learns
    said = calibrated(head, *rare_among_common(120, 2)).probabilities(vectors)[:, 1]
    assert said.mean() == pytest.approx(truth.mean(), rel=0.35)
    surest = said.argsort()[-100:]
    assert said[surest].mean() == pytest.approx(truth[surest].mean(), abs=0.15)


def test_few_labels_that_are_all_right_do_not_make_it_sure_beyond_measure() -> None:
    vectors, labels = clouds(10, 0, noise=0.01)
    head = calibrated(fit_head(*clouds(60, 1, noise=0.01), 3, "linear"), vectors, labels)
    assert head.probabilities(vectors).max() < 0.99


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_each_of_several_classes_is_found_and_as_sure_as_it_is_right(kind: str) -> None:
    head = fit_head(*mixtures(300, 0), 3, kind)  # type: ignore[arg-type]  # one of the two
    before, after = head, calibrated(head, *mixtures(400, 1))
    vectors, truth = mixtures(4000, 2)
    said, errors = after.probabilities(vectors), []
    for name in range(3):
        assert average_precision_score(truth[:, name], said[:, name]) > 2 * truth[:, name].mean() - 0.2
        assert said[:, name].mean() == pytest.approx(truth[:, name].mean(), abs=0.04)
    errors = [measure(each.probabilities(vectors), truth, RNG(0)).calibration_error for each in (before, after)]
    assert errors[1] < errors[0] / 2


def test_class_that_no_calibrating_label_has_is_not_made_sure_or_turned_round() -> None:
    head = fit_head(*mixtures(300, 0), 3, "linear")
    vectors, labels = mixtures(60, 1)
    labels[:, 2] = 0
    after = calibrated(head, vectors, labels).probabilities(vectors)[:, 2]
    order = head.probabilities(vectors)[:, 2].argsort()
    assert (np.diff(after[order]) >= 0).all()
    assert 0.001 < after.mean() < 0.1


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_attached_head_gives_its_probabilities_and_leaves_the_vectors_alone(kind: str) -> None:
    plain = OnnxEncoder(tiny_onnx(), EncoderCard(name="tiny", dim=6, input_size=16))
    pictures = RNG(0).integers(0, 256, (40, 16, 16, 3), dtype=np.uint8)
    vectors = plain.encode(pictures)
    head = calibrated(fit_head(vectors, np.arange(40) % 3, 3, kind), vectors, np.arange(40) % 3)  # type: ignore[arg-type]
    weights = attach(tiny_onnx(), head, plain.vectors_output)
    classifier = OnnxEncoder(weights, EncoderCard(name="tiny", dim=6, input_size=16, classes=("a", "b", "c")))
    np.testing.assert_array_equal(classifier.encode(pictures), vectors)
    np.testing.assert_allclose(classifier.classify(pictures), head.probabilities(vectors), atol=1e-4)


def test_attached_head_of_several_classes_gives_its_probabilities() -> None:
    plain = OnnxEncoder(tiny_onnx(), EncoderCard(name="tiny", dim=6, input_size=16))
    pictures = RNG(0).integers(0, 256, (40, 16, 16, 3), dtype=np.uint8)
    vectors, labels = plain.encode(pictures), RNG(1).integers(0, 2, (40, 3))
    head = calibrated(fit_head(vectors, labels, 3, "linear"), vectors, labels)
    weights = attach(tiny_onnx(), head, plain.vectors_output)
    card = EncoderCard(name="tiny", dim=6, input_size=16, classes=("a", "b", "c"), several=True)
    scores = OnnxEncoder(weights, card).classify(pictures)
    np.testing.assert_allclose(scores, head.probabilities(vectors), atol=1e-4)
    assert (scores.sum(axis=1) > 1.4).all()  # they are no shares of one


def test_head_fits_encoders_of_every_shape() -> None:
    for options in ({"layout": "float32"}, {"batch": 4}, {"output": ["n", 6, 1, 1]}):
        weights = tiny_onnx(**options)
        card = EncoderCard(name="tiny", dim=6, input_size=16, input="float32" if "layout" in options else "uint8")
        plain = OnnxEncoder(weights, card)
        pictures = RNG(0).integers(0, 256, (10, 16, 16, 3), dtype=np.uint8)
        head = fit_head(plain.encode(pictures), np.arange(10) % 2, 2, "linear")
        named = EncoderCard(name="tiny", dim=6, input_size=16, input=card.input, classes=("a", "b"))
        scores = OnnxEncoder(attach(weights, head, plain.vectors_output), named).classify(pictures)
        np.testing.assert_allclose(scores, head.probabilities(plain.encode(pictures)), atol=1e-4)


def test_classifier_can_be_taught_again() -> None:
    first, second = (fit_head(*clouds(60, seed)[:1], RNG(seed).integers(0, 2, 60), 2, "linear") for seed in (0, 1))
    once = attach(tiny_onnx(dim=8), first, "vectors")
    assert attach(once, second, "vectors") == attach(tiny_onnx(dim=8), second, "vectors")


def test_foreign_scores_are_not_overwritten() -> None:
    model = onnx.load_from_string(tiny_onnx(dim=8))
    model.graph.node[-1].output[0] = "scores"
    model.graph.output[0].name = "scores"
    with pytest.raises(BadEncoder, match="scores"):
        attach(model.SerializeToString(), fit_head(*clouds(60, 0), 3, "linear"), "scores")


def test_card_with_classes_that_the_file_does_not_have_is_refused() -> None:
    with pytest.raises(BadEncoder, match="number of classes"):
        OnnxEncoder(tiny_onnx(), EncoderCard(name="tiny", dim=6, input_size=16, classes=("a", "b")))


def test_encoder_without_classes_classifies_nothing() -> None:
    with pytest.raises(BadInput, match="without classes") as failed:
        packaged("lite0-64").classify(np.zeros((1, 64, 64, 3), np.uint8))
    assert "curator finetune" in failed.value.hint


def test_measures_agree_with_scikit_learn() -> None:
    rng = RNG(3)
    truth = rng.integers(0, 3, 120)
    logits = np.round(rng.normal(0, 1, (120, 3)) + 1.2 * np.eye(3)[truth], 1).astype(np.float32)
    found = measure(softmax(logits), truth, RNG(0))
    scores = softmax(logits)
    precision = [average_precision_score(truth == name, scores[:, name]) for name in range(3)]
    assert found.accuracy.value == pytest.approx((scores.argmax(axis=1) == truth).mean())
    assert found.f1.value == pytest.approx(f1_score(truth, scores.argmax(axis=1), average="macro"))
    assert found.average_precision.value == pytest.approx(np.mean(precision))
    assert found.accuracy.low < found.accuracy.value < found.accuracy.high
    assert np.array(found.confusion).sum() == 120


def test_measures_of_several_classes_agree_with_scikit_learn() -> None:
    rng = RNG(4)
    truth = rng.integers(0, 2, (120, 4))
    truth[:, 3] = 0
    scores = sigmoid(np.round(rng.normal(0, 1, (120, 4)) + 1.5 * (truth - 0.5), 1).astype(np.float32))
    found, said = measure(scores, truth, RNG(0)), scores > 0.5
    f1 = f1_score(truth, said, average=None, zero_division=0)
    precision = [average_precision_score(truth[:, name], scores[:, name]) for name in range(3)]
    assert found.accuracy.value == pytest.approx(accuracy_score(truth, said))
    assert found.f1.value == pytest.approx(f1[:3].mean())
    assert found.average_precision.value == pytest.approx(np.mean(precision))
    for name, each in enumerate(found.of_classes[:3]):
        assert each.f1 is not None
        assert each.average_precision is not None
        assert each.f1.value == pytest.approx(f1[name])
        assert each.f1.low < each.f1.value < each.f1.high
        assert each.average_precision.value == pytest.approx(precision[name])
    assert found.of_classes[3].f1 is None
    assert [each.confusion for each in found.of_classes] == [
        tuple(map(tuple, matrix)) for matrix in multilabel_confusion_matrix(truth, said).tolist()
    ]


def test_difference_is_clear_only_when_it_is_there() -> None:
    rng = RNG(0)
    first, second = rng.random(400) < 0.9, rng.random(400) < 0.7
    assert difference(first, second, RNG(0)).low > 0
    assert difference(first, first, RNG(0)).low == difference(first, first, RNG(0)).high == 0


def test_confusion_is_drawn_with_names_that_cannot_break_out() -> None:
    svg = draw_confusion([[3, 1], [0, 2]], ("<script>", "b"), title="Is it & so?")
    assert "<script>" not in svg
    assert ">3<" in svg
    assert "&amp; so?" in svg


def test_confusion_of_several_classes_is_drawn_with_a_row_for_each() -> None:
    truth = np.array([[1, 0], [1, 1], [0, 1], [0, 0], [1, 0]])
    found = measure(np.where(truth, 0.9, 0.1).astype(np.float32), truth, RNG(0))
    svg = draw_confusions(found.of_classes, ("smoke", "cloud"), title="What is there?")
    assert svg.count("<rect") == 2 * 4 + 1
    for words in ("smoke", "cloud", "has it, missed", ">3<"):
        assert words in svg


@pytest.mark.parametrize(("share", "less", "gain"), [(0.3, 0.92, 0.02), (1.0, 0.5, 0.2)])
def test_fine_tuning_makes_classes_easier_to_tell_apart(share: float, less: float, gain: float) -> None:
    pictures = ground(320)
    names = kinds(pictures)
    numbers = {chip: int(names[chip] == "dots") for chip in pictures.ids}
    teaching, choosing, unseen = (
        {chip: numbers[chip] for chip in pictures.ids[part]} for part in (slice(100), slice(100, 140), slice(140, 320))
    )
    lesson = Lesson(views=preset("gentle", SIZE), share=share, epochs=30, batch=16, rate=1e-2, threads=1)
    torch.manual_seed(0)
    trunk = ResNet(8, (1, 1, 1))
    for part in trunk.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.ones_(part.weight)  # a trunk that knows something has no blocks any more that are the identity
    before = {name: weights.clone() for name, weights in trunk.state_dict().items()}
    done = adapt(pictures, trunk, teaching, choosing, 2, lesson)
    assert min(done.losses) < less * done.losses[0]
    assert all(torch.equal(weights, before[name]) for name, weights in trunk.state_dict().items())  # a copy was taught
    changed = [not torch.equal(weights, before[name]) for name, weights in done.trunk.named_parameters()]
    assert changed[-1]
    assert all(changed) == (share == 1)
    first, then = (share_right(each, pictures, teaching, unseen) for each in (trunk.eval(), done.trunk))
    assert then > first + gain


def share_right(trunk: nn.Module, pictures: Pictures, taught: dict[str, int], asked: dict[str, int]) -> float:
    """Of a linear head on the trunk's features."""
    (known, labels), (vectors, truth) = (
        (as_vectors(trunk, pictures, list(some)), np.array(list(some.values()))) for some in (taught, asked)
    )
    return float((fit_head(known, labels, 2, "linear").probabilities(vectors).argmax(axis=1) == truth).mean())


def as_vectors(trunk: nn.Module, pictures: Pictures, ids: list[str]) -> np.ndarray:
    planes = as_planes(torch.from_numpy(read(pictures, ids, SIZE).pixels))
    vectors: np.ndarray = nn.functional.normalize(features(trunk, planes, torch.device("cpu")), dim=1).numpy()
    return vectors


def test_fine_tuning_learns_several_classes_at_once() -> None:
    pictures = ground(160)
    bright = {chip: int(read(pictures, [chip], SIZE).pixels.mean() > 130) for chip in pictures.ids}
    answers = {chip: (int(chip.startswith("dots")), bright[chip]) for chip in pictures.ids}
    teaching, choosing = (
        {chip: answers[chip] for chip in pictures.ids[part]} for part in (slice(110), slice(110, 160))
    )
    lesson = Lesson(views=preset("gentle", SIZE), epochs=15, batch=16, rate=1e-2, threads=1)
    done = adapt(pictures, ResNet(8, (1, 1, 1)), teaching, choosing, 2, lesson)
    assert min(done.losses) < 0.8 * done.losses[0]


def test_same_seed_teaches_the_same() -> None:
    pictures = ground(40)
    numbers = {chip: number % 2 for number, chip in enumerate(pictures.ids)}
    lesson = Lesson(views=preset("gentle", SIZE), epochs=2, threads=2)
    trunk = small_trunk()
    first, second = (adapt(pictures, trunk, numbers, numbers, 2, lesson) for _ in range(2))
    assert first.losses == second.losses


def test_stopped_fine_tuning_gives_back_what_was_best() -> None:
    pictures = ground(40)
    numbers = {chip: number % 2 for number, chip in enumerate(pictures.ids)}
    trunk = small_trunk().eval()
    lesson = Lesson(views=preset("gentle", SIZE), threads=1)
    done = adapt(pictures, trunk, numbers, numbers, 2, lesson, stop=lambda: True)
    planes = as_planes(torch.zeros(1, SIZE, SIZE, 3, dtype=torch.uint8))
    device = torch.device("cpu")
    assert done.epochs == 0
    assert torch.equal(features(done.trunk, planes, device), features(trunk, planes, device))


def test_time_that_is_over_ends_fine_tuning() -> None:
    pictures = ground(40)
    numbers = {chip: number % 2 for number, chip in enumerate(pictures.ids)}
    clock = iter(range(0, 1000, 10))
    lesson = Lesson(views=preset("gentle", SIZE), epochs=500, seconds=45, threads=1)
    done = adapt(pictures, small_trunk(), numbers, numbers, 2, lesson, clock=lambda: next(clock))
    assert done.epochs == 2
    assert len(done.losses) == 3


def test_time_that_is_over_within_an_epoch_keeps_what_was_learned() -> None:
    pictures = ground(60)
    numbers = {chip: int(name == "dots") for chip, name in kinds(pictures).items()}
    clock = iter(range(0, 1000, 10))
    lesson = Lesson(views=preset("gentle", SIZE), seconds=45, batch=10, rate=1e-3, threads=1)
    done = adapt(pictures, small_trunk(), numbers, numbers, 2, lesson, clock=lambda: next(clock))
    assert done.epochs == pytest.approx(4 / 6)
    assert len(done.losses) == 2
    assert done.is_changed


def test_packaged_file_takes_a_head() -> None:
    encoder = packaged("lite0-64")
    pictures = RNG(0).integers(0, 256, (4, 64, 64, 3), dtype=np.uint8)
    head = fit_head(encoder.encode(pictures), np.array([0, 1, 0, 1]), 2, "linear")
    weights = attach(packaged_weights("lite0-64"), head, encoder.vectors_output)
    card = EncoderCard(name="two", dim=128, input_size=64, classes=("a", "b"))
    np.testing.assert_array_equal(OnnxEncoder(weights, card).encode(pictures), encoder.encode(pictures))
