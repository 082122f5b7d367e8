"""What the environment can set, in one class. Nothing else in Curator reads the environment."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import get_args

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

from earthcurator.errors import BadInput

_CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_WITH_SECRETS = ("database_url", "s3_key")
"""Fields that are not to be told, besides those that are SecretStr."""


def cores() -> int:
    """How many this process may use: by its affinity, and by the quota of its container (Linux control groups 2)."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = map(int, _CPU_QUOTA.read_text(encoding="ascii").split())
    except (OSError, ValueError):  # there are none here, or no limit: "max"
        return allowed
    return max(1, min(allowed, math.ceil(quota / period)))


class Settings(BaseSettings):
    """Settings from environment variables, each with a default that works."""

    model_config = SettingsConfigDict(env_prefix="CURATOR_", extra="ignore", frozen=True, hide_input_in_errors=True)

    project: str = Field(default=".", description="Folder or URL of the project that commands work on.")
    threads: int = Field(
        default_factory=cores,
        ge=1,
        description="Threads for decoding and encoding pictures; all cores by default.",
    )
    cache: Path = Field(
        default_factory=lambda: Path.home() / ".cache" / "earthcurator",
        description="Where tiles of imagery are kept for all projects, and what can be made again of projects on "
        "object storage and of those you may only read.",
    )
    database_url: str | None = Field(
        default=None,
        description="A `postgresql://` database for tasks and labels, where several servers share a project or it is "
        "on object storage; by default `labels.db` in the project's folder.",
    )
    url: str | None = Field(
        default=None,
        description="Where people find the server, e.g. `https://curator.example.org`, for the links that are printed.",
    )
    metrics_token: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="A token of 16 characters or more with which a program may read `/metrics`, and nothing else.",
    )
    settings_folder: Path | None = Field(
        default=None,
        description="A folder of files such as `curator_database_url` or `aws_secret_access_key`, each the value of "
        "the variable of that name, for containers that get secrets as files. The environment comes before them.",
    )
    static: Path | None = Field(
        default=None, description="A folder with a built web app to serve instead of the one that comes with Curator."
    )
    upload_gb: float = Field(default=8.0, gt=0, description="How many gigabytes one upload to the server may have.")
    tile_cache_gb: float = Field(
        default=10.0, gt=0, description="How many gigabytes of tiles are kept; those unused for longest go first."
    )
    source: str = Field(
        default="https://gibs.earthdata.nasa.gov",
        description="Where imagery comes from unless `--source` says otherwise: NASA GIBS, or another WMTS server.",
    )
    megabits_per_second: float = Field(
        default=50.0, gt=0, description="Most that is taken from an imagery server; 50 is what NASA asks for."
    )
    connections: int = Field(
        default=16, ge=1, le=64, description="Connections to an imagery server to begin with; adapts from 4 to 64."
    )
    ca_file: Path | None = Field(
        default=None,
        validation_alias=AliasChoices("CURATOR_CA_FILE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"),
        description="Certificates to trust instead of the system's, where a proxy uses its own.",
    )
    s3_endpoint: str | None = Field(
        default=None,
        validation_alias=AliasChoices("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
        description="Address of an S3-compatible server, where it is not Amazon's.",
    )
    s3_region: str | None = Field(
        default=None,
        validation_alias=AliasChoices("AWS_REGION", "AWS_DEFAULT_REGION"),
        description="Region of the bucket.",
    )
    s3_key: str | None = Field(
        default=None, validation_alias="AWS_ACCESS_KEY_ID", description="Access key of the bucket."
    )
    s3_secret: SecretStr | None = Field(
        default=None, validation_alias="AWS_SECRET_ACCESS_KEY", description="Secret key of the bucket."
    )
    task_index: int | None = Field(
        default=None,
        validation_alias=AliasChoices(
            "SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX", "BATCH_TASK_INDEX", "AWS_BATCH_JOB_ARRAY_INDEX"
        ),
        description="Which task of an array this is, as Slurm, Kubernetes, Google Batch or AWS Batch say; "
        "`curator shards run` then does that task's shards.",
    )
    task_count: int | None = Field(
        default=None,
        ge=1,
        validation_alias=AliasChoices("SLURM_ARRAY_TASK_COUNT", "BATCH_TASK_COUNT", "AWS_BATCH_JOB_ARRAY_SIZE"),
        description="How many tasks that array has, as Slurm, Google Batch or AWS Batch say; they share the rate at "
        "which an imagery server may be asked, unless `curator shards run --at-once` says that fewer run at a time.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is passed, then the environment, then the files of `CURATOR_SETTINGS_FOLDER`."""
        del dotenv_settings, file_secret_settings
        folder = os.environ.get("CURATOR_SETTINGS_FOLDER")
        files = [SecretsSettingsSource(settings_cls, folder)] if folder else []
        return init_settings, env_settings, *files

    def storage_options(self) -> dict[str, str]:
        """Options that reach object storage; what is not set is left to the cloud's own rules."""
        options = {
            "aws_endpoint": self.s3_endpoint,
            "aws_region": self.s3_region,
            "aws_access_key_id": self.s3_key,
            "aws_secret_access_key": self.s3_secret.get_secret_value() if self.s3_secret else None,
            "allow_http": "true" if (self.s3_endpoint or "").startswith("http://") else None,
        }
        return {name: value for name, value in options.items() if value is not None}


def from_environment() -> Settings:
    """The settings of this process. Raises BadInput that names the variable of which the value cannot be used."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        field = _field(str(first["loc"][0]))
        name = _variable(field)
        value = "not usable" if _is_secret(field) else repr(first["input"])
        raise BadInput(f"{name} is {value}: {first['msg']}", hint=f"change or unset {name}") from error


def _field(place: str) -> str:
    """The field that pydantic means: it says its name or, where it has aliases, the first of them."""
    return next(name for name in Settings.model_fields if place in (name, *_aliases(name)))


def _variable(field: str) -> str:
    """The variable behind a field: of several the one that is set."""
    names = _aliases(field) or [f"CURATOR_{field}".upper()]
    return next((name for name in names if name in os.environ), names[0])


def _aliases(field: str) -> list[str]:
    alias = Settings.model_fields[field].validation_alias
    if isinstance(alias, AliasChoices):
        return [str(choice) for choice in alias.choices]
    return [] if alias is None else [str(alias)]


def _is_secret(field: str) -> bool:
    """Whether nobody may see the value of a field."""
    return field in _WITH_SECRETS or SecretStr in get_args(Settings.model_fields[field].annotation)
