"""What the environment sets, and what is said where it makes no sense."""

from __future__ import annotations

from pathlib import Path

import pytest

from earthcurator import settings
from earthcurator.errors import BadInput


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CURATOR_UPLOAD_GB", "-1"),
        ("SLURM_ARRAY_TASK_COUNT", "0"),
        ("JOB_COMPLETION_INDEX", ""),
        ("CURATOR_THREADS", ""),
    ],
)
def test_variable_that_makes_no_sense_is_named_as_it_is(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(BadInput, match=f"^{variable} is '{value}': ") as caught:
        settings.from_environment()
    assert caught.value.hint == f"change or unset {variable}"


def test_value_that_nobody_may_see_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATOR_METRICS_TOKEN", "hunter2")
    with pytest.raises(BadInput, match=r"^CURATOR_METRICS_TOKEN is not usable: .*at least 16") as caught:
        settings.from_environment()
    assert caught.value.hint == "change or unset CURATOR_METRICS_TOKEN"
    assert "hunter2" not in f"{caught.value} {caught.value.hint} {caught.value.__cause__}"


def test_fields_that_hold_secrets_are_known() -> None:
    secret = {name for name in settings.Settings.model_fields if settings._is_secret(name)}
    assert secret == {"database_url", "metrics_token", "s3_key", "s3_secret"}


@pytest.mark.parametrize(
    ("quota", "cores"), [("max 100000", 8), ("50000 100000", 1), ("150000 100000", 2), ("9900000 100000", 8)]
)
def test_container_may_use_the_cores_that_its_quota_allows(
    quota: str, cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    monkeypatch.setattr(settings, "_CPU_QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))
    assert settings.cores() == cores


def test_machine_without_quotas_may_use_all_its_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "_CPU_QUOTA", tmp_path / "none")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {3, 5})
    assert settings.cores() == 2
