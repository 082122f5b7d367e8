"""kill -9 at random moments of import and embed: the next run finishes, no chip is lost or doubled."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import earthcurator as ec
from earthcurator.encoders import packaged_for

pytestmark = pytest.mark.slow

KILLS = 30
# Small commits, so that a kill has many commits to fall into.
PROGRAM = """
import sys
from earthcurator.project import embedding, intake
intake.COMMIT_ROWS = embedding.COMMIT_ROWS = 8
from earthcurator.cli import main
print("ready", flush=True)
main(sys.argv[1:])
"""


def run(project: Path, *command: str, kill_after: float | None = None) -> float:
    """Run a curator command in a process of its own, killed so many seconds after its start if that is given."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "--project", str(project), *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    started = time.monotonic()
    if kill_after is not None:
        time.sleep(kill_after)
        process.kill()
    _, errors = process.communicate(timeout=120)
    if kill_after is None:
        assert process.returncode == 0, errors.decode()
    return time.monotonic() - started


def kill_many(project: Path, *command: str, undisturbed: float) -> None:
    rng = random.Random(0)
    for _ in range(KILLS):
        run(project, *command, kill_after=rng.uniform(0.1, undisturbed))


@pytest.fixture
def twin(tmp_path: Path, make_pictures: Callable[..., Path]) -> tuple[Path, Path]:
    """A folder of 300 pictures and an empty project."""
    ec.create(tmp_path / "killed").close()
    return make_pictures(300), tmp_path / "killed"


def test_import_survives_kill_at_any_moment(twin: tuple[Path, Path], tmp_path: Path) -> None:
    pictures, killed = twin
    ec.create(tmp_path / "calm").close()
    seconds = run(tmp_path / "calm", "import", str(pictures))
    kill_many(killed, "import", str(pictures), undisturbed=seconds)
    run(killed, "import", str(pictures))
    with ec.open(killed) as project, ec.open(tmp_path / "calm") as calm:
        chips = [chip.id for chip in project.chips.all()]
        assert sorted(chips) == sorted(chip.id for chip in calm.chips.all())
        assert len(set(chips)) == len(chips) == 300


def test_embed_survives_kill_at_any_moment(twin: tuple[Path, Path], tmp_path: Path) -> None:
    pictures, killed = twin
    run(killed, "import", str(pictures))
    ec.create(tmp_path / "calm").close()
    run(tmp_path / "calm", "import", str(pictures))
    seconds = run(tmp_path / "calm", "embed")
    kill_many(killed, "embed", undisturbed=seconds)
    run(killed, "embed")
    with ec.open(killed) as project:
        embeddings = project.embeddings(project.encoder(packaged_for(32)))
        assert embeddings.table.dataset is not None
        ids = embeddings.table.dataset.to_table(columns=["id"])["id"].to_pylist()
        assert len(ids) == len(set(ids)) == 300
        assert set(ids) == {chip.id for chip in project.chips.all()}
        chip = next(project.chips.all())
        assert project.search(ec.Query(positives=[chip], k=1)).hits[0].chip == chip.id
