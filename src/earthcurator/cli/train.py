"""`train` and `finetune`: an encoder from pictures without labels, a classifier from a task's labels."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from earthcurator.cli.app import Here
from earthcurator.cli.output import answer, progress, say, table, write
from earthcurator.errors import BadInput

if TYPE_CHECKING:
    from earthcurator.learn.recipe import Progress
    from earthcurator.project.finetuning import Finetuned
    from earthcurator.project.training import TrainReport

_EVERY_SECONDS = 10.0
_USE = {(False, False): "never", (False, True): "if better", (True, False): "always", (True, True): "always"}


@click.command()
@click.option("--method", default="simclr", show_default=True, help="simclr, simsiam, vicreg, byol or barlow.")
@click.option(
    "--init",
    default="packaged",
    show_default=True,
    metavar="packaged|random|pretrained|ENCODER",
    help="Weights to begin with; pretrained are those of timm or transformers.",
)
@click.option(
    "--trunk", default="lite0", show_default=True,
    help="lite0; with --init random also resnet18, resnet18-narrow, vit-tiny, convnext-atto; with random or pretrained "
    "also timm:NAME and hf:NAME.",
)  # fmt: skip
@click.option("--minutes", type=float, help="How long to train; 10 unless --epochs says otherwise.")
@click.option("--epochs", type=float, help="How often to see every picture, instead of --minutes.")
@click.option("--batch", default=128, show_default=True, help="Pictures in a step.")
@click.option(
    "--accumulate", default=1, show_default=True, metavar="N",
    help="Average the gradients of N batches before a step: larger steps in the same memory.",
)  # fmt: skip
@click.option("--rate", default=5e-4, show_default=True, help="Highest learning rate.")
@click.option("--size", type=int, help="Sides in pixels that the encoder sees; by default what suits the chips.")
@click.option("--view-size", type=int, help="Sides of the views it learns from; smaller ones teach sooner.")
@click.option("--dim", default=128, show_default=True, help="Length of its vectors.")
@click.option(
    "--views", default="aerial", show_default=True,
    help="How pictures are changed: aerial, coarse (wide, hazy), gentle, form (ignores colour).",
)  # fmt: skip
@click.option("--hold-out", type=click.Choice(["random", "place", "time"]), help="How chips for the report are chosen.")
@click.option("--patience", type=int, metavar="N", help="Stop after N measurements without a better one.")
@click.option("--seed", default=0, show_default=True)
@click.option("--name", help="What to call the encoder.")
@click.option("--int8", is_flag=True, help="Make an int8 copy too, and keep it if it is as good.")
@click.option("--task", metavar="TASK", help="Measure with the labels of this task too; they never teach.")
@click.option("--use", is_flag=True, help="Embed and search with it from now on, whatever the report says.")
@click.option("--use-if-better", is_flag=True, help="The same if it is clearly better.")
@click.option(
    "--previews",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Draw what some chips' neighbours are, as it learns.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_obj
def train(
    here: Here,
    /,
    minutes: float | None,
    epochs: float | None,
    task: str | None,
    use: bool,
    use_if_better: bool,
    previews: Path | None,
    as_json: bool,
    **options: object,
) -> None:
    """Teach an encoder this project's imagery, without labels, and say whether it is better than what there is.

    A tenth of the chips is kept away from training, and the report is about them. Ctrl-C ends it with what is best so
    far; the same command then goes on from there, as it does after a crash. Needs: pip install 'earthcurator[train]'

    \b
    Example: curator train --minutes 10 --use-if-better
             curator train --method simsiam --init random --trunk resnet18 --epochs 50
    """
    if minutes is not None and epochs is not None:
        raise BadInput("--minutes and --epochs both say how long to train", hint="give one of them")
    seconds = None if epochs is not None else 60 * (10 if minutes is None else minutes)
    with here.open() as project, _interruptible() as stop:
        report = project.train(
            **options,
            seconds=seconds,
            epochs=epochs,
            classes=project.answers_of(project.tasks.find(task)) if task else None,
            use=_USE[use, use_if_better],
            previews=previews,
            progress=_Told(),
            stop=stop,
        )
    if not report.verdict:
        return  # one of several processes, of which the first reports
    if as_json:
        answer(
            {
                **asdict(report),
                "comparisons": [{**asdict(each), "outcome": each.outcome} for each in report.comparisons],
            }
        )
        return
    _tell_training(report)


@click.command()
@click.argument("name", metavar="TASK")
@click.option(
    "--how", type=click.Choice(["linear", "mlp", "partial", "full"]), default="linear", show_default=True,
    help="A head on the encoder as it is (linear, mlp), or change its last third (partial) or all of it (full).",
)  # fmt: skip
@click.option("--encoder", help="The encoder to begin with; by default the project's.")
@click.option("--minutes", type=float, help="Not longer than this.")
@click.option("--epochs", default=20, show_default=True, help="How often partial and full see every label.")
@click.option("--split", type=click.Choice(["place", "time", "random"]), help="How labels that measure are set apart.")
@click.option("--seed", default=0, show_default=True)
@click.option("--called", metavar="NAME", help="What to call the classifier.")
@click.option("--use", is_flag=True, help="Embed and search with its vectors from now on.")
@click.option("--confusion", type=click.Path(path_type=Path), metavar="FILE.svg", help="Draw what it takes for what.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_obj
def finetune(
    here: Here,
    /,
    name: str,
    minutes: float | None,
    called: str | None,
    confusion: Path | None,
    as_json: bool,
    **options: object,
) -> None:
    """Make a classifier from the labels of a task: one ONNX file that gives vectors and class probabilities.

    Some labels are kept from it to measure with. Needs: pip install 'earthcurator[train]'

    \b
    Example: curator finetune "Is there smoke?"
             curator finetune "Is there smoke?" --how full --split place --confusion smoke.svg
    """
    with here.open() as project, _interruptible() as stop, progress("finetune") as report:
        made = project.finetune(
            project.tasks.find(name),
            **options,
            seconds=None if minutes is None else 60 * minutes,
            name=called,
            progress=report,
            stop=stop,
        )
    if confusion is not None:
        write(confusion, made.picture)
    if as_json:
        answer({name: value for name, value in asdict(made).items() if name != "picture"})
        return
    _tell_classifier(made)


def _tell_training(report: TrainReport) -> None:
    rows = [
        (each.other, each.on, f"{each.chips:,}", f"{each.new:.1%}", f"{each.old:.1%}", f"{100 * each.gain.value:+.1f} "
         f"({100 * each.gain.low:+.1f} to {100 * each.gain.high:+.1f})", each.outcome)
        for each in report.comparisons
    ]  # fmt: skip
    if rows:
        table(["against", "on", "chips", "new", "old", "difference, 95 %", "new is"], rows)
    say(f"learned from {report.chips:,} chips in {report.seconds:,.0f} s, {report.epochs:.1f} epochs: {report.ending}")
    if report.unreadable:
        say(f"{report.unreadable:,} pictures could not be read and were left out")
    click.echo(report.verdict)
    if report.ending == "stopped":
        say("the same command goes on from here")
    if report.encoder is None:
        return
    if report.int8:
        click.echo(report.int8.verdict)
    if report.default:
        say(f"{report.name} ({report.encoder}) is the default now; next: curator embed")
    else:
        say(f"kept as {report.name} ({report.encoder}); to use it: curator encoders default {report.name}")


def _tell_classifier(made: Finetuned) -> None:
    found = made.metrics
    table(
        ["measure", "value, 95 %"],
        [("accuracy", found.accuracy), ("F1, mean of classes", found.f1),
         ("average precision", found.average_precision), ("calibration error", f"{found.calibration_error:.3f}")],
    )  # fmt: skip
    say(f"from {found.pictures:,} labels held out by {made.split}; it learned from {made.taught:,}")
    if made.split == "random":
        say("neighbouring chips may be on both sides of a random split: other places may turn out worse")
    if made.unmeasured:
        say(f"no held-out label is of {', '.join(made.unmeasured)}: nothing is known of how well it finds them")
    if made.epochs is not None:
        gain = "" if made.changed else "; it did no better on the labels that choose, so the encoder is as it was"
        say(f"the encoder learned for {made.epochs:.3g} epochs{gain}")
    if made.unreadable:
        say(f"{made.unreadable:,} labelled pictures could not be read and were left out")
    say(f"kept as {made.name} ({made.encoder}); to use it: curator predict TASK --classifier {made.name}")
    if made.default:
        say("it is the default encoder now; next: curator embed")
    elif not made.changed:
        say("its vectors are those of the encoder that it began with: search and suggestions need nothing new")


class _Told:
    """A line about a training every ten seconds, and one when it collapses."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._said, self._warned = clock, -math.inf, False

    def __call__(self, now: Progress) -> None:
        quality = now.quality
        if quality.collapsed and quality.step > 0 and not self._warned:  # before, its projector is random
            self._warned = True
            how = f"spread {quality.spread:.3f}, {quality.filled:.1%} of the directions filled"
            say(f"warning: the method is collapsing ({how}); try another, or a lower --rate")
        if self._clock() - self._said < _EVERY_SECONDS and now.fraction < 1:
            return
        self._said = self._clock()
        classes = "" if quality.knn is None else f", 20-NN {quality.knn:.1%}"
        say(
            f"train: {now.fraction:.0%}, epoch {now.epoch}, loss {now.loss:.3f}, retrieval {quality.retrieval:.1%}"
            f"{classes}, {now.pictures_per_second:,.0f} pictures/s, about {now.seconds_left:,.0f} s left"
        )


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed. The first asks to end well; the second ends at once."""
    asked = False

    def ask(*_: object) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        say("ending with what is best so far; press Ctrl-C again to end at once")

    try:
        before = signal.signal(signal.SIGINT, ask)
    except ValueError:  # not the main thread: nobody can press it
        yield lambda: False
        return
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)


commands = {"train": train, "finetune": finetune}
