"""`curator` in processes of their own, forked from one that has imported everything.

What is started dozens of times shall not spend two seconds on imports each time: a server is up after half a CPU-second
instead of three. Lance warns, once, that it cannot be forked; that is so when it has work, and here it has none yet.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

_context = get_context("forkserver")
_context.set_forkserver_preload([
    "earthcurator.cli.app", "earthcurator.cli.encoders", "earthcurator.cli.imagery", "earthcurator.cli.pictures",
    "earthcurator.web.server",
])  # fmt: skip


def curator(
    *arguments: str,
    errors: Path,
    environment: Mapping[str, str] | None = None,
    before: Callable[[], None] | None = None,
) -> BaseProcess:
    """Start `curator ARGUMENTS` with our environment and with `environment`. What it writes to stderr is added to
    `errors`.

    `before` is called first in the process: a function of a module.
    """
    variables = {**os.environ, **(environment or {})}  # those of now: the server has those of when it was started
    process = _context.Process(target=_run, args=(arguments, errors, variables, before), daemon=True)
    process.start()
    return process


def _run(
    arguments: tuple[str, ...], errors: Path, environment: Mapping[str, str], before: Callable[[], None] | None
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    with errors.open("ab") as log, Path(os.devnull).open("wb") as nothing:
        os.dup2(log.fileno(), sys.stderr.fileno())
        os.dup2(nothing.fileno(), sys.stdout.fileno())
    from earthcurator.cli import main

    if before:
        before()
    main(arguments)
