"""What requests are made of: the ids, names and limits that several routes share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict


class Asked(BaseModel):
    """The body of a request. Fields that it does not know are refused: they would be spelling mistakes."""

    model_config = ConfigDict(extra="forbid")


LINE: JsonDict = {"format": "line"}
"""In the description of the API, for text that a person reads: printable characters in one line, not only spaces."""

Id = Annotated[str, Path(min_length=1, max_length=80, description="An id, as the list shows it.")]
TaskId = Annotated[str, Path(min_length=1, max_length=64, description="The task's id.")]
EventId = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$", description="Made by the client: sent again, it counts once.")
]
ChipId = Annotated[str, Field(min_length=1, max_length=200)]
ClassName = Annotated[str, Field(min_length=1, max_length=200, json_schema_extra=LINE)]
Note = Annotated[str, Field(max_length=2000)]
