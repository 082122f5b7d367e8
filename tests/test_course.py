"""The course of a training: few points of many steps, also over an interruption."""

from __future__ import annotations

from itertools import pairwise

from earthcurator.learn.quality import Quality
from earthcurator.learn.recipe import Progress
from earthcurator.project.course import POINTS, SHEETS, Course, Nearest

STEPS = 400


def step(number: int, *, of: int = STEPS, measured_each: int = 60, spread: float = 1.0) -> Progress:
    measured = number // measured_each * measured_each
    return Progress(
        step=number,
        epoch=0,
        fraction=number / of,
        seconds=float(number),
        seconds_left=float(of - number),
        loss=float(number),
        rate=0.1,
        pictures_per_second=99.0,
        quality=Quality(step=measured, retrieval=measured / of, knn=None, spread=spread, filled=1.0),
    )


def nearest() -> Nearest:
    return tuple(tuple(f"chip-{row}-{column}" for column in range(9)) for row in range(6))


def followed(course: Course, *steps: int) -> Course:
    for number in steps:
        course.add(step(number), nearest)
    return course


def test_many_steps_become_few_points_from_the_first_to_the_last() -> None:
    kept = followed(Course(), *range(1, STEPS + 1)).kept()
    steps = [point["step"] for point in kept["points"]]
    assert len(steps) == POINTS + 1
    assert (steps[0], steps[-1]) == (1, STEPS)
    assert [sheet["step"] for sheet in kept["neighbours"]] == [1, *range(40, STEPS + 1, 40)]
    assert len(kept["neighbours"]) == SHEETS + 1
    assert {len(row) for sheet in kept["neighbours"] for row in sheet["rows"]} == {7}


def test_loss_is_the_mean_since_the_point_before() -> None:
    points = followed(Course(), *range(1, 17)).kept()["points"]
    assert [(point["step"], point["loss"]) for point in points] == [(1, 1), (8, 5), (16, 12.5)]


def test_each_measurement_is_told_once() -> None:
    points = followed(Course(), *range(1, STEPS + 1)).kept()["points"]
    assert [point["quality"]["step"] for point in points if point["quality"]] == [0, 60, 120, 180, 240, 300, 360]


def test_interrupted_course_goes_on_and_tells_nothing_twice() -> None:
    whole = followed(Course(), *range(1, STEPS + 1)).kept()
    before = followed(Course(), *range(1, 150)).kept()
    after = followed(Course(before), *range(100, STEPS + 1)).kept()  # the checkpoint was older than the course
    assert [point["step"] for point in after["points"]] == [point["step"] for point in whole["points"]]
    assert after["neighbours"] == whole["neighbours"]
    assert all(first["step"] < second["step"] for first, second in pairwise(after["points"]))


def test_alarm_is_about_what_training_did() -> None:
    course = Course()
    course.add(step(1, spread=0.0), nearest)
    course.add(step(60, spread=0.0), nearest)
    assert [point["quality"]["collapsed"] for point in course.kept()["points"]] == [False, True]
