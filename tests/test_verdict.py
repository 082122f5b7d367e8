"""The verdict on a new encoder, from pictures whose classes are known: what sees is better than what does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import earthcurator as ec
from earthcurator.encoders import EncoderCard, EncoderEntry
from earthcurator.project.verdict import Comparison, compare, judge
from tests.encoders.tiny_models import model
from tests.learn.scenes import ground

CHIPS, ASKED = 180, 120
SIZE, DIM = 16, 8
Outcome = tuple[tuple[Comparison, ...], int]


@dataclass(frozen=True)
class Measured:
    """A project whose default tells nothing apart, and what is asked of an encoder."""

    project: ec.Project
    noise: EncoderEntry
    asked: list[str]
    seen: list[str]
    known: dict[str, str]

    def compare(self, encoder: str, known: dict[str, str] | None = None) -> Outcome:
        known = self.known if known is None else known
        return compare(self.project, self.project.encoder(encoder), self.asked, self.seen, known, start=None, seed=0)


def noise() -> bytes:
    """What is left of large whole numbers, divided: it hangs on every pixel, and tells nothing of the picture."""
    matrix = np.random.default_rng(0).integers(1, 20, (3 * SIZE * SIZE, DIM)).astype(np.float32)
    nodes = [
        helper.make_node("Cast", ["pictures"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["pixels"], ["row"]),
        helper.make_node("MatMul", ["row", "matrix"], ["sums"]),
        helper.make_node("Mod", ["sums", "divisor"], ["left"], fmod=1),
        helper.make_node("Sub", ["left", "middle"], ["vectors"]),
    ]
    return model(
        nodes,
        ("pictures", TensorProto.UINT8, ["n", SIZE, SIZE, 3]),
        [("vectors", TensorProto.FLOAT, ["n", DIM])],
        [
            numpy_helper.from_array(matrix, "matrix"),
            numpy_helper.from_array(np.float32(97), "divisor"),
            numpy_helper.from_array(np.float32(48.5), "middle"),
        ],
    )


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    folder = tmp_path_factory.mktemp("verdict")
    for name, content in ground(CHIPS).files.items():
        place = folder / "pictures" / name.split("-")[0]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{name}.png").write_bytes(content)
    with ec.create(folder / "project") as project:
        project.import_pictures([folder / "pictures"])
        entry = project.encoders.keep(noise(), EncoderCard(name="noise", dim=DIM, input_size=SIZE))
        project.set_default_encoder(entry.id)
        known = {chip.id: str(chip.folder) for chip in project.chips.all()}
        order = [sorted(known)[place] for place in np.random.default_rng(0).permutation(CHIPS)]
        yield Measured(project, entry, order[:ASKED], order[ASKED:], known)


@pytest.fixture(scope="module")
def seeing(measured: Measured) -> Outcome:
    """The packaged encoder against noise, with a class for every chip."""
    return measured.compare("lite0-64")


@pytest.fixture(scope="module")
def blind(measured: Measured) -> Outcome:
    """The other way round."""
    return measured.compare(measured.noise.id)


def by_measure(found: Sequence[Comparison]) -> dict[str, Comparison]:
    assert len({each.other for each in found}) == 1
    return {each.on: each for each in found}


def test_encoder_that_tells_the_kinds_apart_is_better_than_noise(seeing: Outcome) -> None:
    found, asked = seeing
    on = by_measure(found)
    assert {each.other for each in found} == {"noise"}
    assert on.keys() == {"20-NN", "linear probe", "view retrieval"}
    for measure in ("20-NN", "linear probe"):
        assert on[measure].new > 0.9
        assert 0.3 < on[measure].old < 0.7  # a coin
        assert on[measure].gain.low > 0.2
        assert on[measure].outcome == "better"
    is_better, words = judge(found, asked, collapsed=False)
    assert is_better
    assert words.startswith(f"better on {ASKED} chips it never saw")
    for measure in ("20-NN", "linear probe"):
        assert f"{measure} {100 * on[measure].new:.1f} % against {100 * on[measure].old:.1f} % of noise" in words


def test_noise_is_worse_than_what_tells_the_kinds_apart(blind: Outcome) -> None:
    found, asked = blind
    on = by_measure(found)
    assert {each.other for each in found} == {"lite0-64"}
    assert {on[measure].outcome for measure in ("20-NN", "linear probe")} == {"worse"}
    assert on["20-NN"].gain.high < 0
    is_better, words = judge(found, asked, collapsed=False)
    assert not is_better
    assert words.startswith("no better: keep lite0-64")


def test_figures_of_an_encoder_are_the_same_from_both_sides(seeing: Outcome, blind: Outcome) -> None:
    one, other = by_measure(seeing[0]), by_measure(blind[0])
    assert [(each.new, each.old) for each in one.values()] == [(each.old, each.new) for each in other.values()]


def test_few_classes_leave_the_verdict_to_views_of_all_that_was_asked(measured: Measured) -> None:
    few = {chip: measured.known[chip] for chip in (*measured.asked[:20], *measured.seen)}
    found, asked = measured.compare("lite0-64", few)
    (views,) = found
    assert (views.on, views.chips, asked) == ("view retrieval", ASKED, ASKED)
    assert views.outcome == "better"
    is_better, words = judge(found, asked, collapsed=False)
    assert is_better
    assert f"on {ASKED} chips" in words
    assert "cannot be known" in words


def test_views_are_of_all_that_was_asked_where_some_have_no_class(measured: Measured, seeing: Outcome) -> None:
    some = {chip: measured.known[chip] for chip in (*measured.asked[:60], *measured.seen)}
    found, asked = measured.compare("lite0-64", some)
    assert {each.on: each.chips for each in found} == {"20-NN": 60, "linear probe": 60, "view retrieval": ASKED}
    assert asked == ASKED
    assert by_measure(found)["view retrieval"].new == by_measure(seeing[0])["view retrieval"].new
    assert judge(found, asked, collapsed=False)[1].startswith("better on 60 chips it never saw")


def test_without_classes_among_what_was_learned_from_there_is_nothing_to_compare_with(measured: Measured) -> None:
    found, _ = measured.compare("lite0-64", {chip: measured.known[chip] for chip in measured.asked})
    assert [each.on for each in found] == ["view retrieval"]
