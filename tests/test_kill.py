"""kill -9 at random moments of import and embed: the next run finishes, no chip is lost or doubled."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import earthcurator as ec
from earthcurator.encoders import packaged_for
from earthcurator.project import embedding, intake
from tests.forks import curator

pytestmark = pytest.mark.slow

KILLS = 25
PICTURES = 120  # new ones when the last are done


def commit_often() -> None:
    """So that a kill has many commits to fall into."""
    intake.COMMIT_ROWS = embedding.COMMIT_ROWS = 8


def run(project: Path, *command: str, kill_after: float | None = None) -> float:
    """Run a curator command in a process of its own, killed so many seconds after its start if that is given."""
    errors = project.parent / "errors.txt"
    started = time.monotonic()
    process = curator("--project", str(project), *command, errors=errors, before=commit_often)
    if kill_after is not None:
        time.sleep(kill_after)
        process.kill()
    process.join(120)
    if kill_after is None:
        assert process.exitcode == 0, errors.read_text()
    return time.monotonic() - started


class Moments:
    """When to kill: at random within the time that a run takes, which follows the load of the machine."""

    def __init__(self, usual: float) -> None:
        self._usual = self._longest = usual
        self._rng = random.Random(0)
        self.unfinished = 0  # runs that were killed before their end

    def next(self) -> float:
        """Seconds after the start of a run."""
        return self._rng.uniform(0.2, 1.0) * self._usual

    def say(self, finished: bool) -> None:
        """Whether the last kill came after the end of the work: then the next ones come earlier."""
        self.unfinished += not finished
        self._usual = 0.8 * self._usual if finished else min(1.05 * self._usual, self._longest)


def stored(project: Path) -> tuple[list[str], list[str]]:
    """Ids of the chips, and of the vectors."""
    with ec.open(project) as here:
        embeddings = here.embeddings(here.encoder(packaged_for(32)))
        dataset = embeddings.table.dataset
        vectors = dataset.to_table(columns=["id"])["id"].to_pylist() if dataset else []
        return [chip.id for chip in here.chips.all()], vectors


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """An empty project."""
    ec.create(tmp_path / "killed").close()
    return tmp_path / "killed"


def test_import_survives_kill_at_any_moment(killed: Path, make_pictures: Callable[..., Path]) -> None:
    pictures = make_pictures(PICTURES)
    moments = Moments(run(killed, "import", str(pictures)))
    there, finished = PICTURES, True
    for _ in range(KILLS):
        if finished:  # else what is left is work enough
            make_pictures(PICTURES, start=there)
            there += PICTURES
        run(killed, "import", str(pictures), kill_after=moments.next())
        finished = len(stored(killed)[0]) == there
        moments.say(finished)
    run(killed, "import", str(pictures))
    chips, _ = stored(killed)
    assert len(set(chips)) == len(chips) == there
    assert moments.unfinished >= KILLS // 3  # or the kills came too late to mean anything


def test_embed_survives_kill_at_any_moment(killed: Path, make_pictures: Callable[..., Path]) -> None:
    def add(number: int) -> None:
        folder = make_pictures(PICTURES, root=f"batch{number}", start=number * PICTURES)
        with ec.open(killed) as project:
            project.import_pictures([folder])

    add(0)
    moments = Moments(run(killed, "embed"))
    batches, finished = 1, True
    for _ in range(KILLS):
        if finished:
            add(batches)
            batches += 1
        run(killed, "embed", kill_after=moments.next())
        finished = len(stored(killed)[1]) == batches * PICTURES
        moments.say(finished)
    run(killed, "embed")
    chips, vectors = stored(killed)
    assert len(vectors) == len(set(vectors)) == batches * PICTURES
    assert set(vectors) == set(chips)
    with ec.open(killed) as project:
        assert project.search(ec.Query(positives=[chips[0]], k=1)).hits[0].chip == chips[0]
    assert moments.unfinished >= KILLS // 3
