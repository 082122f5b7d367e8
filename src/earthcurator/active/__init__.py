"""Choosing the fewest labels that find everything: a classifier on vectors, and strategies of what to show next."""

from earthcurator.active.classifier import Linear, fit, fit_classes, score
from earthcurator.active.coldstart import from_reference, typical
from earthcurator.active.pool import Round, Standing, expand, stand
from earthcurator.active.strategies import DEFAULT, GOALS, STRATEGIES, Strategy, take_turns

__all__ = [
    "DEFAULT",
    "GOALS",
    "STRATEGIES",
    "Linear",
    "Round",
    "Standing",
    "Strategy",
    "expand",
    "fit",
    "fit_classes",
    "from_reference",
    "score",
    "stand",
    "take_turns",
    "typical",
]
