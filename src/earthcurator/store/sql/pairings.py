"""Programs in a browser that were paired with this project: an extension, by a short code that a person copies.

A code works once and for minutes; what comes back for it is a secret like that of a token. As there, the database
knows hashes only. What a paired program may ask for is decided elsewhere.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from secrets import choice
from uuid import uuid4

from sqlalchemy import Connection, and_, delete, exists, or_, select, update

from earthcurator.errors import NotFound, NotSignedIn
from earthcurator.models import Pairing, Role
from earthcurator.store.sql.database import Database
from earthcurator.store.sql.people import check_label, hash_of, new_secret
from earthcurator.store.sql.schema import NOW, PAIRINGS, PEOPLE, to_pairing

LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Of codes: none that looks like another."""
CODE_LENGTH = 8
CODE_SECONDS = 600
PAIRED_SECONDS = 365 * 24 * 3600
MOST_WAITING = 10
"""Codes of one person that nobody has claimed yet."""

NOBODY = "local"
"""Stands for the person where nobody has an account."""

_ALIVE = PAIRINGS.c.expires > NOW
_SOMEONE = exists(select(PEOPLE.c.id).where(PEOPLE.c.active))
_THEIRS = exists(select(PEOPLE.c.id).where(PEOPLE.c.id == PAIRINGS.c.person, PEOPLE.c.active))
_COUNTS = and_(_ALIVE, or_(and_(PAIRINGS.c.person == NOBODY, ~_SOMEONE), _THEIRS))
"""Not expired, and of somebody who is still there; of nobody, as long as there are no accounts."""


class Pairings:
    """The pairings of a project. Safe to use from many threads."""

    def __init__(self, database: Database, *, new_id: Callable[[], str] = lambda: uuid4().hex[:12]) -> None:
        self._database = database
        self._new_id = new_id

    def offer(self, person: str, role: Role) -> tuple[str, Pairing]:
        """A new code, with which a program may ask in the name of `person` (an id), as `role` at most.

        Of codes that wait the newest `MOST_WAITING` count; older ones are forgotten.
        """
        new, code = self._new_id(), "".join(choice(LETTERS) for _ in range(CODE_LENGTH))
        row = {"id": new, "person": person, "role": role, "code": hash_of(code), "name": "", "origin": ""}

        waiting = select(PAIRINGS.c.id).where(PAIRINGS.c.person == person, PAIRINGS.c.hash.is_(None))
        oldest = waiting.order_by(PAIRINGS.c.created.desc(), PAIRINGS.c.id).offset(MOST_WAITING - 1)

        def change(connection: Connection) -> Pairing:
            connection.execute(delete(PAIRINGS).where(~_ALIVE), self._database.clock)
            if connection.execute(select(PAIRINGS.c.id).where(PAIRINGS.c.id == new)).first() is None:
                connection.execute(delete(PAIRINGS).where(PAIRINGS.c.id.in_(oldest)))
                values = PAIRINGS.insert().values(**row, created=NOW, expires=NOW + CODE_SECONDS * 1000)
                connection.execute(values, self._database.clock)
            return to_pairing(connection.execute(select(PAIRINGS).where(PAIRINGS.c.id == new)).mappings().one())

        return code, self._database.write(change)

    def claim(self, code: str, *, name: str = "", origin: str = "") -> tuple[str, Pairing]:
        """The secret for a code, which then is used up. `origin` is that of the program's requests, if it sends one."""
        check_label(name)
        secret = new_secret()
        mine = select(PAIRINGS).where(PAIRINGS.c.hash == hash_of(secret))
        used = (
            update(PAIRINGS)
            .where(PAIRINGS.c.code == hash_of(_written(code)), _COUNTS)
            .values(code=None, hash=hash_of(secret), name=name, origin=origin, expires=NOW + PAIRED_SECONDS * 1000)
        )

        def change(connection: Connection) -> Pairing:
            if connection.execute(mine).first() is None:  # else this was written before the connection was lost
                connection.execute(used, self._database.clock)
            row = connection.execute(mine).mappings().first()
            if row is None:
                raise NotSignedIn("this code is wrong, was used or has expired", hint="ask Curator for a new one")
            return to_pairing(row)

        return secret, self._database.write(change)

    def of(self, secret: str) -> Pairing | None:
        """The pairing of this secret; None when it is unknown, expired or revoked, or its person was removed."""
        statement = select(PAIRINGS).where(PAIRINGS.c.hash == hash_of(secret), _COUNTS)
        row = self._database.read(lambda c: c.execute(statement, self._database.clock).mappings().first())
        return None if row is None else to_pairing(row)

    def origins(self) -> frozenset[str]:
        """Of the programs that are paired now."""
        statement = select(PAIRINGS.c.origin).where(PAIRINGS.c.hash.is_not(None), PAIRINGS.c.origin != "", _COUNTS)
        return self._database.read(lambda c: frozenset(c.execute(statement, self._database.clock).scalars()))

    def list(self, person: str | None = None) -> builtins.list[Pairing]:
        """Those of everybody or of one person, oldest first; codes that nobody has claimed yet, too."""
        statement = select(PAIRINGS).where(_COUNTS).order_by(PAIRINGS.c.created, PAIRINGS.c.id)
        if person is not None:
            statement = statement.where(PAIRINGS.c.person == person)
        return self._database.read(
            lambda c: [to_pairing(row) for row in c.execute(statement, self._database.clock).mappings()]
        )

    def revoke(self, pairing: str, person: str | None = None) -> None:
        """End a pairing: anybody's, or only if it is this person's."""
        which = [PAIRINGS.c.id == pairing] + ([PAIRINGS.c.person == person] if person is not None else [])
        if not self._database.write(lambda c: c.execute(delete(PAIRINGS).where(*which)).rowcount):
            raise NotFound(f"there is no pairing {pairing}", hint="it was revoked, or never made")


def _written(code: str) -> str:
    """A code as it is kept, however it was typed."""
    return "".join(letter for letter in code.upper() if letter not in " -")
