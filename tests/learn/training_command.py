"""`curator train` with a quick trunk, in this process or in one of its own that is to be killed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from earthcurator.cli import main
from earthcurator.learn import loop
from earthcurator.learn.recipe import Progress, Recipe, Trained
from earthcurator.learn.trunks import TRUNKS
from earthcurator.project import training


def quicken(patch: pytest.MonkeyPatch, losses: Path, wait: Callable[[], object] = lambda: None) -> None:
    """Let it have the trunk `tiny`, write a checkpoint after every step, wait after that, and leave its losses."""
    whole = loop.train

    def learn(*given: Any, progress: Callable[[Progress], None], **named: Any) -> Trained:
        def paced(now: Progress) -> None:
            progress(now)
            wait()

        done = whole(*given, progress=paced, **named)
        losses.write_text(json.dumps(done.losses))
        return done

    patch.setattr(loop, "train", learn)
    patch.setattr(training, "Recipe", partial(Recipe, checkpoint_seconds=0.0))
    patch.setitem(TRUNKS.builtin, "tiny", "tests.learn.scenes:small_trunk")


if __name__ == "__main__":
    # It waits for a line of stdin, as long as that is open: so a kill comes before the end, however fast the machine.
    quicken(pytest.MonkeyPatch(), Path(sys.argv[1]), sys.stdin.readline)
    main(sys.argv[2:])
