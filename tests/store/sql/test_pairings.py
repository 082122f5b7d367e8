"""Codes and pairings on both databases: each code once, for minutes, and for as long as its person is there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from earthcurator.errors import BadInput, NotFound, NotSignedIn
from earthcurator.store.sql import Database, Pairings, People
from earthcurator.store.sql.pairings import CODE_SECONDS, NOBODY, PAIRED_SECONDS
from tests.store.sql.conftest import Clock

ORIGIN = "chrome-extension://abcdefghijklmnopabcdefghijklmnop"


@pytest.fixture
def pairings(database: Database) -> Pairings:
    return Pairings(database)


def test_a_code_becomes_a_secret_and_its_origin_is_known(pairings: Pairings) -> None:
    code, offered = pairings.offer(NOBODY, "curator")
    assert (offered.claimed, pairings.origins(), pairings.of(code)) == (False, frozenset(), None)
    secret, made = pairings.claim(code, name="Laptop", origin=ORIGIN)
    assert (made.id, made.claimed, made.name, made.origin) == (offered.id, True, "Laptop", ORIGIN)
    assert pairings.of(secret) == made
    assert pairings.origins() == {ORIGIN}
    assert pairings.list() == [made]
    assert pairings.of("cur_guess") is None


def test_a_code_is_claimed_once_however_many_try(pairings: Pairings) -> None:
    code, _ = pairings.offer(NOBODY, "curator")

    def claim(_: int) -> bool:
        try:
            pairings.claim(code)
        except NotSignedIn:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(claim, range(8))) == 1


def test_codes_and_pairings_expire(pairings: Pairings, clock: Clock) -> None:
    late, _ = pairings.offer(NOBODY, "curator")
    clock.offset = CODE_SECONDS + 1
    with pytest.raises(NotSignedIn, match="expired"):
        pairings.claim(late)
    code, _ = pairings.offer(NOBODY, "curator")
    secret, made = pairings.claim(code, origin=ORIGIN)
    assert pairings.list() == [made]
    clock.offset += PAIRED_SECONDS - 60
    assert pairings.of(secret) == made
    clock.offset += 61
    assert pairings.of(secret) is None
    assert (pairings.origins(), pairings.list()) == (frozenset(), [])


def test_a_pairing_of_nobody_ends_with_the_first_account(pairings: Pairings, database: Database) -> None:
    secret, _ = pairings.claim(pairings.offer(NOBODY, "curator")[0], origin=ORIGIN)
    waiting, _ = pairings.offer(NOBODY, "curator")
    People(database).add("Ana", "owner")
    assert (pairings.of(secret), pairings.origins(), pairings.list()) == (None, frozenset(), [])
    with pytest.raises(NotSignedIn):
        pairings.claim(waiting)


def test_a_pairing_ends_with_its_person(pairings: Pairings, database: Database) -> None:
    people = People(database)
    people.add("Ana", "owner")
    ben = people.add("Ben", "curator")
    secret, made = pairings.claim(pairings.offer(ben.id, "curator")[0])
    assert pairings.of(secret) == made
    people.remove(ben.id)
    assert pairings.of(secret) is None


def test_only_ones_own_pairing_is_revoked_unless_it_may_be_anybodys(pairings: Pairings, database: Database) -> None:
    people = People(database)
    ana, ben = people.add("Ana", "owner"), people.add("Ben", "curator")
    secret, made = pairings.claim(pairings.offer(ben.id, "curator")[0])
    with pytest.raises(NotFound):
        pairings.revoke(made.id, ana.id)
    assert pairings.of(secret) == made
    assert pairings.list(ana.id) == []
    pairings.revoke(made.id)
    assert pairings.of(secret) is None


def test_a_name_in_two_lines_is_refused_and_costs_no_code(pairings: Pairings) -> None:
    code, _ = pairings.offer(NOBODY, "curator")
    with pytest.raises(BadInput):
        pairings.claim(code, name="two\nlines")
    assert pairings.claim(code)[1].claimed
