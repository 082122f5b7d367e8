"""One JSON shape for every failure, and the status that `earthcurator.errors` gives it."""

from __future__ import annotations

import logging
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from earthcurator.errors import BadRequest, Busy, CuratorError, StorageFailed

log = logging.getLogger(__name__)

_DESCRIBED = "the API is described at /api/v1/openapi.json"


class Fault(BaseModel):
    """What went wrong."""

    code: str = Field(description="The stable name of this error.", examples=["NotFound"])
    message: str = Field(description="One sentence for a person.")
    hint: str = Field(description="What can be done about it; may be empty.")


class Failure(BaseModel):
    """The body of every answer that is not a success."""

    error: Fault


def install(app: FastAPI) -> None:
    """Answer every failure of this app in one shape."""
    app.add_exception_handler(CuratorError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _framework)


def answer(error: CuratorError) -> JSONResponse:
    """What a client gets to see of an error."""
    return _failure_of(error, str(error), error.hint)


def _failure_of(error: CuratorError, message: str, hint: str) -> JSONResponse:
    if isinstance(error, StorageFailed):  # in words of a driver or a disk, which tell of this server; the log has them
        message, hint = "the project could not be read or written", "try again; if it stays, ask who runs the server"
    headers = {"Retry-After": str(error.retry_seconds)} if isinstance(error, Busy) else {}
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return _failure(error.status, error.code, message, hint, headers)


def mistake() -> JSONResponse:
    """What a client gets to see of a defect of ours; the guard has written the traceback to the log."""
    return _failure(
        HTTPStatus.INTERNAL_SERVER_ERROR, "ServerError", "the server made a mistake", "its log says more", {}
    )


def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, CuratorError)
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, Busy):
        log.error("%s %r failed", request.method, request.url.path, exc_info=error)
    # Errors say where the project is, which helps at the command line and is nobody's business here.
    location = request.app.state.project.location
    return _failure_of(error, str(error).replace(location, "the project"), error.hint.replace(location, "the project"))


def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if where == "body" and isinstance(first["input"], bytes):  # FastAPI reads nothing that is not said to be JSON
        return answer(BadRequest("the body is not said to be JSON", hint="send Content-Type: application/json"))
    return answer(BadRequest(f"{where}: {first['msg']}", hint=_DESCRIBED))


def _framework(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    code = status.phrase.title().replace(" ", "").replace("-", "")
    message = f"{status.phrase}: {error.detail}"
    if error.detail == status.phrase:  # no route has this path, or not with this method
        message = f"there is no {request.method} {request.url.path:.200} here"
    return _failure(status, code, message, _DESCRIBED, _headers(request, error))


def _headers(request: Request, error: HTTPException) -> dict[str, str]:
    """Those of the framework; it names in `Allow` the methods of one route, where a path may have several."""
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        paths, asked = request.app.openapi()["paths"], request.url.path
        fitting = [asked] if asked in paths else [path for path in paths if compile_path(path)[0].match(asked)]
        found = [paths[path] for path in fitting]
        if found:
            headers["Allow"] = ", ".join(sorted(method.upper() for methods in found for method in methods))
    return headers


def _failure(status: int, code: str, message: str, hint: str, headers: dict[str, str]) -> JSONResponse:
    body = Failure(error=Fault(code=code, message=message, hint=hint))
    return JSONResponse(body.model_dump(), status, headers)
