"""Programs that label as fast as they can and say what was acknowledged, until they are killed.

One that has imported everything forks the others, so that a test of ten kills does not wait for ten starts.
"""

from __future__ import annotations

import os
import sys
from threading import Lock, Thread

from earthcurator.store.sql import Database, Tasks
from tests.store.sql.conftest import label


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            label_for_ever(*line.split())
        os.waitpid(child, 0)
        say("\nkilled")


def label_for_ever(address: str, run: str) -> None:
    say(str(os.getpid()))
    tasks = Tasks(Database.open(address))
    one_at_a_time = Lock()

    def work(who: str) -> None:
        while True:
            for lease in tasks.lease("smoke", who, 5):
                kept = tasks.put(label(f"{who}-{lease.chip}.", lease.chip, who))
                with one_at_a_time:
                    say(kept.label.id)

    threads = [Thread(target=work, args=(f"{run}-person{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
