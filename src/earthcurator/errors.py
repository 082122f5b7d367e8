"""Every error Curator raises on purpose, with its exit code and HTTP status in one place.

    CuratorError
    ├── BadInput                 2   400   what was asked cannot be done as asked
    │   ├── BadPicture           2   400   bytes that are not a usable picture
    │   │   ├── NotAPicture      2   400   bytes of another kind: text, PDF, SVG, a program
    │   │   ├── TruncatedPicture 2   400   a picture whose end is missing
    │   │   └── PictureTooLarge  2   400   a picture with more pixels than Curator decodes at once
    │   ├── BadScene             2   400   a raster that cannot be cut into chips
    │   ├── BadBox               2   400   a rectangle that is not on the globe
    │   ├── BadDates             2   400   a date or range that cannot be read
    │   ├── NoImagery            2   400   a place and time of which a layer shows nothing
    │   ├── BadEncoder           2   400   a model or card Curator cannot use
    │   ├── BadRequest           2   422   a request whose fields are not as the API says
    │   └── TooLarge             2   413   a request or upload larger than the server takes
    ├── NotFound                 2   404   a chip, encoder, file or project that is not there
    ├── Conflict                 3   409   the project is not in the state this needs
    ├── NotAllowed               4   403   the person or the file system says no
    │   ├── NotSignedIn          4   401   the server must know who asks
    │   └── WrongHost            4   421   the server was addressed by a name that is not its own
    ├── Busy                     5   503   the server has more to do than it can; it says when to ask again
    │   └── NotReady             5   503   something that the server needs does not answer
    ├── SourceUnreachable        5   502   an imagery source does not answer
    └── StorageFailed            6   500   the project could not be read or written
        └── NewerFormat          6   500   the project was written by a newer Curator

A message says what and where; `hint` says what to do about it.
"""

from __future__ import annotations


class CuratorError(Exception):
    """Base of every error that is shown to a person as one sentence and a hint."""

    exit_code = 1
    status = 500

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        """What the person can do about it; may be empty."""

    @property
    def code(self) -> str:
        """The class name, the stable name of this error in JSON."""
        return type(self).__name__


class BadInput(CuratorError):
    """What was asked cannot be done as asked."""

    exit_code = 2
    status = 400


class BadPicture(BadInput):
    """These bytes are not a picture that Curator can use."""


class NotAPicture(BadPicture):
    """These bytes are no picture format that Curator reads."""


class TruncatedPicture(BadPicture):
    """The end of this picture is missing."""


class PictureTooLarge(BadPicture):
    """This picture has more pixels than Curator decodes at once."""


class BadScene(BadInput):
    """This raster cannot be cut into chips."""


class BadBox(BadInput):
    """This rectangle is not on the globe."""


class BadDates(BadInput):
    """This date or range cannot be read."""


class NoImagery(BadInput):
    """A layer shows nothing at this place and time."""


class BadEncoder(BadInput):
    """This model or card cannot be used as an encoder."""


class BadRequest(BadInput):
    """A request whose fields are not as the API says."""

    status = 422


class TooLarge(BadInput):
    """A request or upload that is larger than the server takes."""

    status = 413


class NotFound(CuratorError):
    """The chip, encoder, file or project that was named is not there."""

    exit_code = 2
    status = 404


class Conflict(CuratorError):
    """The project is not in the state that this needs."""

    exit_code = 3
    status = 409


class NotAllowed(CuratorError):
    """The person or the file system does not allow this."""

    exit_code = 4
    status = 403


class NotSignedIn(NotAllowed):
    """The server must know who asks."""

    status = 401


class WrongHost(NotAllowed):
    """The server was addressed by a name that is not its own, as a page elsewhere would do (DNS rebinding)."""

    status = 421


class Busy(CuratorError):
    """The server has more to do than it can."""

    exit_code = 5
    status = 503

    def __init__(self, message: str, *, hint: str = "", retry_seconds: int = 1) -> None:
        super().__init__(message, hint=hint)
        self.retry_seconds = retry_seconds
        """When to ask again."""


class NotReady(Busy):
    """Something that the server needs does not answer: its database, its storage, or its encoder."""


class SourceUnreachable(CuratorError):
    """An imagery source does not answer."""

    exit_code = 5
    status = 502


class StorageFailed(CuratorError):
    """The project could not be read or written."""

    exit_code = 6
    status = 500


class NewerFormat(StorageFailed):
    """The project was written by a newer Curator than this one."""


class ProjectHealed(UserWarning):
    """The project was found damaged and was repaired; the text says what was lost, if anything."""
