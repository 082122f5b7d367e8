"""What the server's log looks like: lines for a person, or one JSON object a line for a program that collects them."""

from __future__ import annotations

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal

LogFormat = Literal["text", "json"]

REQUEST: ContextVar[str] = ContextVar("request", default="")
"""The id of the request that is being answered."""


class JsonLines(logging.Formatter):
    """A record as one line of JSON. What a record brings along as `fields` is added."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
        }
        if request := REQUEST.get():
            line["request"] = request
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def logging_as(log_format: LogFormat) -> dict[str, Any]:
    """For `logging.config.dictConfig`. Text tells of trouble only; JSON tells of every request."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "text": {"format": "%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s"},
            "json": {"()": "earthcurator.web.logs.JsonLines"},
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": log_format,
                "level": "INFO" if log_format == "json" else "WARNING",
            }
        },
        "loggers": {"earthcurator": {"level": "INFO"}},  # also for the logs of jobs
        "root": {"level": "WARNING", "handlers": ["stderr"]},
    }
