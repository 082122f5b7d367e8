"""The `curator` command: flags in, `Project` calls, text or JSON out."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with the code that the error table gives."""
    # Read when numpy is loaded, also by processes of the server. On matrices as small as those of a round, the threads
    # of OpenBLAS spin for longer than they help: 15 against 16 to 68 CPU-ms at 20,000 chips.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))
    try:
        from earthcurator.cli.app import main as run
    except KeyboardInterrupt:  # before anything had begun
        sys.exit(130)
    run(arguments)
