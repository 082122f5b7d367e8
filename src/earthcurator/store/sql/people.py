"""Who may do what: people with accounts, the secrets that let them in, and links that make accounts.

A secret is shown once, when it is made. The database knows its SHA-256, which is enough to recognise it and useless to
whoever reads the database. What a role allows is decided elsewhere.
"""

from __future__ import annotations

import builtins
import unicodedata
from collections.abc import Callable, Collection
from hashlib import sha256
from secrets import token_urlsafe
from typing import Literal, get_args
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, bindparam, case, delete, func, or_, select, update

from earthcurator.errors import BadInput, Conflict, NotFound, NotSignedIn
from earthcurator.models import Invite, Person, Role, Token
from earthcurator.store.sql.database import Database, lock_names
from earthcurator.store.sql.schema import INVITES, NOW, PEOPLE, TOKENS, to_invite, to_person, to_token

Kind = Literal["session", "token", "link"]

SESSION_SECONDS = 30 * 24 * 3600
"""How long a browser stays signed in."""

LONGEST_SECONDS = 10 * 365 * 24 * 3600
"""A secret that is to last longer has no end at all."""

RESERVED = ("import", "local")
"""Annotators of labels without accounts; no person is called so."""

_VALID = or_(TOKENS.c.expires.is_(None), TOKENS.c.expires > NOW)
_USABLE = and_(INVITES.c.uses_left > 0, INVITES.c.expires > NOW)

# Asked with every request of a server, so made once.
_PERSON_OF = (
    select(PEOPLE)
    .join(TOKENS, TOKENS.c.person == PEOPLE.c.id)
    .where(TOKENS.c.hash == bindparam("of_hash"), TOKENS.c.kind.in_(bindparam("kinds", expanding=True)))
    .where(_VALID, PEOPLE.c.active)
)


class People:
    """The accounts of a project. Safe to use from many threads."""

    def __init__(self, database: Database, *, new_id: Callable[[], str] = lambda: uuid4().hex[:12]) -> None:
        self._database = database
        self._new_id = new_id

    def any(self) -> bool:
        """Whether anybody has an account."""
        someone = select(PEOPLE.c.id).where(PEOPLE.c.active).limit(1)
        return self._database.read(lambda connection: connection.execute(someone).first() is not None)

    def add(self, name: str, role: Role) -> Person:
        """A new person, the first an owner. Their name differs from those of all others, whatever its letters' case."""
        name, new = _checked_name(name), self._new_id()
        _check_role(role)

        def change(connection: Connection) -> Person:
            _check_first(connection, role)
            return self._add(connection, new, name, role)

        return self._database.write(change)

    def list(self) -> builtins.list[Person]:
        """Everybody, the first first; also who was removed, for their labels are still here."""
        statement = select(PEOPLE).order_by(PEOPLE.c.created, PEOPLE.c.id)
        return self._database.read(lambda c: [to_person(row) for row in c.execute(statement).mappings()])

    def find(self, name_or_id: str) -> Person:
        """The person with this id, else with this name."""
        named = and_(PEOPLE.c.name_key == _key(name_or_id), PEOPLE.c.active)
        statement = select(PEOPLE).where(or_(PEOPLE.c.id == name_or_id, named))

        def query(connection: Connection) -> builtins.list[Person]:
            return [to_person(row) for row in connection.execute(statement).mappings()]

        found = sorted(self._database.read(query), key=lambda person: person.id != name_or_id)
        if not found:
            raise NotFound(f"there is nobody called {name_or_id}", hint="curator user list shows who there is")
        return found[0]

    def set_role(self, person: str, role: Role) -> Person:
        """Let them do more or less from now on."""
        _check_role(role)

        def change(connection: Connection) -> Person:
            old = _for_change(connection, person)
            if role != "owner":
                _keep_an_owner(connection, old)
                connection.execute(delete(INVITES).where(INVITES.c.creator == person))  # only owners may invite
            connection.execute(update(PEOPLE).where(PEOPLE.c.id == person).values(role=role))
            return to_person(_row(connection, person))

        return self._database.write(change)

    def remove(self, person: str) -> None:
        """They can no longer come in: their secrets, and the invites they made, stop at once. Their labels stay.

        Doing it again is fine.
        """

        def change(connection: Connection) -> None:
            _keep_an_owner(connection, _for_change(connection, person))
            connection.execute(update(PEOPLE).where(PEOPLE.c.id == person).values(active=False))
            connection.execute(delete(TOKENS).where(TOKENS.c.person == person))
            connection.execute(delete(INVITES).where(INVITES.c.creator == person))

        self._database.write(change)

    def issue(
        self, person: str, kind: Kind, *, name: str = "", seconds: float | None = None, using: str | None = None
    ) -> str:
        """A new secret for this person, for `seconds` or until it is revoked.

        What is made `using` a token, or a session of one, ends with that token at the latest.
        """
        check_label(name)
        new, secret = self._new_id(), new_secret()
        life = None if seconds is None else _checked(seconds)

        def change(connection: Connection) -> None:
            if not _row(connection, person)["active"]:
                raise NotFound(f"{person} was removed", hint="add the person again")
            parent = None if using is None else self._parent(connection, using)
            connection.execute(delete(TOKENS).where(~_VALID), self._database.clock)  # nobody needs those of the past
            self._keep(connection, new, secret, person, kind, name, life, parent)

        self._database.write(change)
        return secret

    def person_of(self, secret: str, *, kinds: Collection[Kind] = ("session", "token")) -> Person | None:
        """Whom this secret lets in now; None when it is unknown, expired or revoked, or the person was removed."""
        asked = {"of_hash": hash_of(secret), "kinds": builtins.list(kinds), **self._database.clock}
        row = self._database.read(lambda connection: connection.execute(_PERSON_OF, asked).mappings().first())
        return None if row is None else to_person(row)

    def token_of(self, secret: str) -> Token:
        """What is known of a secret that lets somebody in now."""
        statement = select(TOKENS).where(TOKENS.c.hash == hash_of(secret), _VALID)
        row = self._database.read(lambda c: c.execute(statement, self._database.clock).mappings().first())
        if row is None:
            raise NotSignedIn("this token or session is unknown, has expired or was revoked", hint="sign in again")
        return to_token(row)

    def sign_in(self, link: str, *, seconds: float = SESSION_SECONDS) -> str:
        """A session for the person of a link, which works once."""
        new, secret, life = self._new_id(), new_secret(), _checked(seconds)
        mine = and_(TOKENS.c.hash == hash_of(link), TOKENS.c.kind == "link", _VALID)

        def change(connection: Connection) -> None:
            if _is_kept(connection, new):
                return
            row = connection.execute(
                delete(TOKENS).where(mine).returning(TOKENS.c.person), self._database.clock
            ).first()
            if row is None or not _row(connection, row.person)["active"]:
                raise NotSignedIn("this link was used or has expired", hint="ask for a new one")
            self._keep(connection, new, secret, row.person, "session", "", life)

        self._database.write(change)
        return secret

    def sign_out(self, secret: str) -> None:
        """The secret no longer lets anybody in."""
        self._database.write(lambda c: c.execute(delete(TOKENS).where(TOKENS.c.hash == hash_of(secret))))

    def tokens(self, person: str | None = None) -> builtins.list[Token]:
        """What lets somebody in now, of everybody or of one person, oldest first."""
        statement = select(TOKENS).where(_VALID).order_by(TOKENS.c.created, TOKENS.c.id)
        if person is not None:
            statement = statement.where(TOKENS.c.person == person)
        return self._database.read(
            lambda c: [to_token(row) for row in c.execute(statement, self._database.clock).mappings()]
        )

    def revoke(self, token: str, person: str | None = None) -> None:
        """Stop a secret by the id of its token: anybody's, or only if it is this person's."""
        which = [TOKENS.c.id == token] + ([TOKENS.c.person == person] if person is not None else [])
        if not self._database.write(lambda c: c.execute(delete(TOKENS).where(*which)).rowcount):
            raise NotFound(f"there is no token {token}", hint="curator token list shows those there are")

    def invite(self, role: Role, *, seconds: float, uses: int = 1, creator: str = "") -> str:
        """A secret with which `uses` people can make themselves an account of this role."""
        _check_role(role)
        if not 1 <= uses <= 10_000:
            raise BadInput(f"an invite cannot be for {uses} people", hint="give 1 to 10000")
        new, secret, life = self._new_id(), new_secret(), _checked(seconds)
        row = {"id": new, "hash": hash_of(secret), "role": role, "creator": creator, "uses_left": uses}

        def change(connection: Connection) -> None:
            _check_first(connection, role)
            if connection.execute(select(INVITES.c.id).where(INVITES.c.id == new)).first() is None:
                statement = INVITES.insert().values(**row, created=NOW, expires=NOW + life)
                connection.execute(statement, self._database.clock)

        self._database.write(change)
        return secret

    def accept(self, invite: str, name: str, *, seconds: float = SESSION_SECONDS) -> tuple[Person, str]:
        """A new person with the role of the invite, and a session of theirs. A refused name costs no use of it."""
        name, new, secret, life = _checked_name(name), self._new_id(), new_secret(), _checked(seconds)
        used = (
            update(INVITES)
            .where(INVITES.c.hash == hash_of(invite), _USABLE)
            .values(uses_left=INVITES.c.uses_left - 1)
            .returning(INVITES.c.role)
        )

        def change(connection: Connection) -> Person:
            if _is_kept(connection, new):
                return to_person(_row(connection, new))
            role = connection.execute(used, self._database.clock).scalar()
            if role is None:
                raise NotSignedIn("this invite was used up, withdrawn or has expired", hint="ask for a new one")
            person = self._add(connection, new, name, role)
            self._keep(connection, new, secret, new, "session", "", life)
            return person

        return self._database.write(change), secret

    def invites(self) -> builtins.list[Invite]:
        """Those that can still be used, oldest first."""
        statement = select(INVITES).where(_USABLE).order_by(INVITES.c.created, INVITES.c.id)
        return self._database.read(
            lambda c: [to_invite(row) for row in c.execute(statement, self._database.clock).mappings()]
        )

    def withdraw(self, invite: str) -> None:
        """Nobody can use the invite with this id any more."""
        if not self._database.write(lambda c: c.execute(delete(INVITES).where(INVITES.c.id == invite)).rowcount):
            raise NotFound(f"there is no invite {invite}", hint="it was withdrawn, or never made")

    def _add(self, connection: Connection, new: str, name: str, role: str) -> Person:
        lock_names(connection, "people")
        taken = select(PEOPLE.c.id).where(PEOPLE.c.name_key == _key(name), PEOPLE.c.active)
        match connection.execute(taken).scalar():
            case None:
                row = {"id": new, "name": name, "name_key": _key(name), "role": role, "active": True}
                connection.execute(PEOPLE.insert().values(**row, created=NOW), self._database.clock)
            case other if other != new:
                raise Conflict(f"somebody is called {name} already", hint="choose another name")
        return to_person(_row(connection, new))

    def _parent(self, connection: Connection, secret: str) -> RowMapping | None:
        """The token behind a secret: itself, or the one that a session was made with; None behind one of a link."""
        which = select(TOKENS).where(TOKENS.c.hash == hash_of(secret), _VALID)
        row = connection.execute(which, self._database.clock).mappings().first()
        if row is None:
            raise NotSignedIn("this token or session is unknown, has expired or was revoked", hint="sign in again")
        if row["kind"] == "token":
            return row
        if row["parent"] is None:
            return None
        return connection.execute(select(TOKENS).where(TOKENS.c.id == row["parent"])).mappings().one()

    def _keep(
        self,
        connection: Connection,
        new: str,
        secret: str,
        person: str,
        kind: Kind,
        name: str,
        life: int | None,
        parent: RowMapping | None = None,
    ) -> None:
        if _is_kept(connection, new):
            return
        row = {"id": new, "hash": hash_of(secret), "person": person, "kind": kind, "name": name}
        made_with = None if parent is None else parent["id"]
        expires = _ends(life, None if parent is None else parent["expires"])
        connection.execute(
            TOKENS.insert().values(**row, created=NOW, expires=expires, parent=made_with), self._database.clock
        )


def _row(connection: Connection, person: str) -> RowMapping:
    row = connection.execute(select(PEOPLE).where(PEOPLE.c.id == person)).mappings().first()
    if row is None:
        raise NotFound(f"there is nobody with the id {person}", hint="curator user list shows who there is")
    return row


def _for_change(connection: Connection, person: str) -> Person:
    """The person, with nobody else changing people until the transaction ends."""
    lock_names(connection, "people")
    return to_person(_row(connection, person))


def _keep_an_owner(connection: Connection, leaving: Person) -> None:
    """Refuse to go on if nobody could then do everything."""
    if leaving.role != "owner" or not leaving.active:
        return
    others = select(func.count()).where(PEOPLE.c.role == "owner", PEOPLE.c.active, PEOPLE.c.id != leaving.id)
    if not connection.execute(others).scalar_one():
        raise Conflict(f"{leaving.name} is the only owner", hint="make somebody else an owner first")


def _ends(life: int | None, latest: int | None) -> ColumnElement[int] | int | None:
    """When a secret ends that is to live so long, and not beyond `latest`."""
    if life is None or latest is None:
        return latest if life is None else NOW + life
    return case((NOW + life < latest, NOW + life), else_=latest)


def _check_first(connection: Connection, role: str) -> None:
    """With the first account, whoever uses this machine is no longer owner: then somebody must be."""
    if role == "owner":
        return
    lock_names(connection, "people")
    if connection.execute(select(PEOPLE.c.id).where(PEOPLE.c.active).limit(1)).first() is None:
        raise Conflict("the first account must be an owner's", hint="first: curator user add NAME --role owner")


def _is_kept(connection: Connection, token: str) -> bool:
    """Whether this change was made before its connection was lost."""
    return connection.execute(select(TOKENS.c.id).where(TOKENS.c.id == token)).first() is not None


def new_secret() -> str:
    """A secret that nobody guesses."""
    return f"cur_{token_urlsafe(32)}"


def hash_of(secret: str) -> str:
    """What the database keeps of a secret."""
    # No slow hash: those protect words that people choose. Nobody guesses 256 random bits, however fast the hash.
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _key(name: str) -> str:
    """The same for names that differ only in case or in how letters are composed."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name.strip()).casefold())


def _checked_name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= 80 or not name.isprintable():
        raise BadInput(f"{name!r:.100} is no name for a person", hint="write 1 to 80 letters in one line")
    if _key(name) in RESERVED:
        raise BadInput(f"nobody can be called {name}: labels without a person are", hint="choose another name")
    return name


def check_label(name: str) -> None:
    """Refuse what is no name for a token or a program."""
    if len(name) > 80 or not name.isprintable():
        raise BadInput(f"{name!r:.100} is no name for a token", hint="write up to 80 letters in one line")


def _check_role(role: str) -> None:
    if role not in get_args(Role):
        raise BadInput(f"{role!r:.60} is no role", hint=f"choose one of {', '.join(get_args(Role))}")


def _checked(seconds: float) -> int:
    """In milliseconds."""
    if not 0 < seconds <= LONGEST_SECONDS:
        raise BadInput(f"{seconds:g} s is no time for a secret", hint="give more than 0 s and at most 10 years")
    return round(seconds * 1000)
