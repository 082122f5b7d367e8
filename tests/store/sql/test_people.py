"""Accounts, secrets and invites on both databases: who gets in, who no longer does, and races for the last place."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
from sqlalchemy import text

from earthcurator.errors import BadInput, Conflict, CuratorError, NotFound, NotSignedIn
from earthcurator.models import Person
from earthcurator.store.sql import Database, People
from tests.store.sql.conftest import Clock

T = TypeVar("T")


@pytest.fixture
def people(database: Database) -> People:
    return People(database)


def at_once(actions: list[Callable[[], T]]) -> list[T | CuratorError]:
    """What each answers or raises when all begin together."""

    def run(action: Callable[[], T]) -> T | CuratorError:
        try:
            return action()
        except CuratorError as error:
            return error

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(run, actions))


def test_people_are_found_by_name_and_id(people: People) -> None:
    assert not people.any()
    ana, ben = people.add(" Ana ", "owner"), people.add("Ben", "viewer")
    assert people.any()
    assert people.list() == [ana, ben]
    assert (ana.name, ana.role, ana.active) == ("Ana", "owner", True)
    assert ana.created.year > 2020
    assert people.find(ana.id) == people.find("ana") == people.find("ANA") == ana
    with pytest.raises(NotFound, match="eva"):
        people.find("eva")


@pytest.mark.parametrize("other", ["ana", "ANA", " Ana", "\uff21na"])
def test_names_differ_by_more_than_case(people: People, other: str) -> None:
    people.add("Ana", "owner")
    with pytest.raises(Conflict, match="already"):
        people.add(other, "viewer")


@pytest.mark.parametrize("name", ["", "  ", "a" * 81, "two\nlines", "nul\0", "lone \udc80", "import", "Local"])
def test_name_that_nobody_can_have_is_refused(people: People, name: str) -> None:
    with pytest.raises(BadInput):
        people.add(name, "viewer")
    assert not people.any()


def test_one_of_many_gets_the_name(people: People) -> None:
    people.add("Olga", "owner")
    answers = at_once([lambda: people.add("Ana", "viewer")] * 8)
    assert sum(isinstance(answer, Person) for answer in answers) == 1
    assert sum(isinstance(answer, Conflict) for answer in answers) == 7


def test_role_changes_at_once(people: People) -> None:
    people.add("Olga", "owner")
    ana = people.add("Ana", "viewer")
    secret = people.issue(ana.id, "session")
    assert people.set_role(ana.id, "curator").role == "curator"
    found = people.person_of(secret)
    assert found is not None
    assert found.role == "curator"
    with pytest.raises(BadInput, match="boss"):
        people.set_role(ana.id, "boss")  # type: ignore[arg-type]  # as from a command line
    with pytest.raises(NotFound):
        people.set_role("nobody", "viewer")


def test_removed_person_is_out_at_once_and_the_name_is_free(people: People) -> None:
    ana, ben = people.add("Ana", "owner"), people.add("Ben", "viewer")
    secrets = [people.issue(ben.id, "session"), people.issue(ben.id, "token")]
    link = people.issue(ben.id, "link")
    for _ in range(2):
        people.remove(ben.id)
    assert [people.person_of(secret) for secret in secrets] == [None, None]
    with pytest.raises(NotSignedIn):
        people.sign_in(link)
    with pytest.raises(NotFound, match="removed"):
        people.issue(ben.id, "token")
    assert [person.active for person in people.list()] == [True, False]
    assert people.find(ben.id).name == "Ben"
    again = people.add("ben", "viewer")
    assert people.find("Ben") == again != ben
    assert people.find(ana.id).active


def test_last_owner_stays(people: People) -> None:
    ana, ben = people.add("Ana", "owner"), people.add("Ben", "owner")
    people.remove(ben.id)
    with pytest.raises(Conflict, match="only owner"):
        people.remove(ana.id)
    with pytest.raises(Conflict, match="only owner"):
        people.set_role(ana.id, "curator")
    assert people.set_role(ana.id, "owner") == ana


def test_one_owner_stays_when_all_leave_at_once(people: People) -> None:
    owners = [people.add(f"owner {number}", "owner") for number in range(8)]
    leave: list[Callable[[], object]] = [
        (lambda who=who: people.remove(who.id)) if number % 2 else (lambda who=who: people.set_role(who.id, "viewer"))  # type: ignore[misc]  # mypy cannot infer defaults of lambdas
        for number, who in enumerate(owners)
    ]
    refused = [answer for answer in at_once(leave) if isinstance(answer, Conflict)]
    assert len(refused) == 1
    assert sum(person.active and person.role == "owner" for person in people.list()) == 1


def test_secret_lets_in_until_it_expires(people: People, clock: Clock) -> None:
    ana = people.add("Ana", "owner")
    short, endless = people.issue(ana.id, "session", seconds=60), people.issue(ana.id, "token", name="notebook")
    assert short.startswith("cur_")
    assert people.person_of(short) == people.person_of(endless) == ana
    assert people.person_of(short, kinds=["token"]) is None
    assert people.person_of("cur_guess") is None
    assert people.person_of("lone \udc80") is None
    clock.offset += 61
    assert people.person_of(short) is None
    assert people.person_of(endless) == ana
    assert [(token.name, token.expires) for token in people.tokens()] == [("notebook", None)]


def test_secrets_are_nowhere_in_the_database(people: People, database: Database) -> None:
    ana = people.add("Ana", "owner")
    secrets = [people.issue(ana.id, "token"), people.invite("viewer", seconds=60)]
    rows = database.read(
        lambda c: [str(row) for table in ("tokens", "invites") for row in c.execute(text(f"SELECT * FROM {table}"))]
    )
    assert len(rows) == 2
    assert not any(secret.removeprefix("cur_") in row for secret in secrets for row in rows)


def test_link_signs_in_once(people: People, clock: Clock) -> None:
    ana = people.add("Ana", "owner")
    link = people.issue(ana.id, "link", seconds=60)
    assert people.person_of(link) is None
    session = people.sign_in(link)
    assert people.person_of(session) == ana
    for used in (link, session, "cur_guess"):
        with pytest.raises(NotSignedIn, match="used or has expired"):
            people.sign_in(used)
    late = people.issue(ana.id, "link", seconds=60)
    clock.offset += 61
    with pytest.raises(NotSignedIn):
        people.sign_in(late)


def test_one_of_many_uses_a_link(people: People) -> None:
    link = people.issue(people.add("Ana", "owner").id, "link")
    answers = at_once([lambda: people.sign_in(link)] * 10)
    assert [people.person_of(answer) is not None for answer in answers if isinstance(answer, str)] == [True]
    assert sum(isinstance(answer, NotSignedIn) for answer in answers) == 9


def test_signing_out_and_revoking_stop_a_secret(people: People) -> None:
    ana, ben = people.add("Ana", "owner"), people.add("Ben", "viewer")
    session, token = people.issue(ana.id, "session"), people.issue(ana.id, "token", name="notebook")
    people.sign_out(session)
    assert people.person_of(session) is None
    (known,) = people.tokens(ana.id)
    assert (known.person, known.kind, known.name) == (ana.id, "token", "notebook")
    assert people.tokens(ben.id) == []
    with pytest.raises(NotFound):
        people.revoke(known.id, ben.id)
    assert people.person_of(token) == ana
    people.revoke(known.id, ana.id)
    assert people.person_of(token) is None
    with pytest.raises(NotFound):
        people.revoke(known.id)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), 1e18])
def test_life_that_no_secret_can_have_is_refused(people: People, seconds: float) -> None:
    ana = people.add("Ana", "owner")
    with pytest.raises(BadInput, match="no time"):
        people.issue(ana.id, "session", seconds=seconds)
    with pytest.raises(BadInput, match="no time"):
        people.invite("viewer", seconds=seconds)


def test_invite_makes_accounts_until_it_is_used_up(people: People) -> None:
    people.add("Olga", "owner")
    secret = people.invite("annotator", seconds=60, uses=2, creator="ana")
    ben, session = people.accept(secret, "Ben")
    assert (ben.name, ben.role) == ("Ben", "annotator")
    assert people.person_of(session) == ben
    with pytest.raises(Conflict):
        people.accept(secret, "BEN")
    with pytest.raises(BadInput):
        people.accept(secret, "")
    (left,) = people.invites()
    assert (left.uses_left, left.role, left.creator) == (1, "annotator", "ana")
    people.accept(secret, "Eva")
    assert people.invites() == []
    with pytest.raises(NotSignedIn, match="used up") as refused:
        people.accept(secret, "Fay")
    assert "new one" in refused.value.hint
    assert [person.name for person in people.list()] == ["Olga", "Ben", "Eva"]


def test_withdrawn_and_expired_invites_make_nobody(people: People, clock: Clock) -> None:
    people.add("Olga", "owner")
    late, withdrawn = people.invite("viewer", seconds=60), people.invite("curator", seconds=600)
    clock.offset += 61
    (left,) = people.invites()
    people.withdraw(left.id)
    for secret in (late, withdrawn, "cur_guess"):
        with pytest.raises(NotSignedIn):
            people.accept(secret, "Ben")
    with pytest.raises(NotFound):
        people.withdraw(left.id)
    assert [person.name for person in people.list()] == ["Olga"]


def test_five_of_twenty_get_an_invite_of_five(people: People) -> None:
    people.add("Olga", "owner")
    secret = people.invite("annotator", seconds=60, uses=5)
    answers = at_once([(lambda number=number: people.accept(secret, f"person {number}")) for number in range(20)])  # type: ignore[misc]  # mypy cannot infer defaults of lambdas
    accepted = [answer for answer in answers if not isinstance(answer, CuratorError)]
    assert sum(isinstance(answer, NotSignedIn) for answer in answers) == 15
    assert {people.person_of(session) for _, session in accepted} == {person for person, _ in accepted}
    assert len(accepted) == len(people.list()) - 1 == 5


def test_who_is_removed_or_lowered_leaves_no_way_back(people: People) -> None:
    people.add("Ana", "owner")
    eva, ida = people.add("Eva", "owner"), people.add("Ida", "owner")
    of_eva, of_ida, other = (
        people.invite("owner", seconds=600, creator=who) for who in (eva.id, ida.id, "somebody else")
    )
    people.remove(eva.id)
    people.set_role(ida.id, "viewer")
    for secret in (of_eva, of_ida):
        with pytest.raises(NotSignedIn):
            people.accept(secret, "Eve")
    assert people.accept(other, "Fay")[0].role == "owner"


def test_first_account_is_an_owners_whoever_asks(people: People) -> None:
    for first in (lambda: people.add("Ana", "annotator"), lambda: people.invite("annotator", seconds=60)):
        with pytest.raises(Conflict, match="first account"):
            first()
    assert not people.any()


def test_what_was_made_with_a_token_ends_with_it(people: People, clock: Clock) -> None:
    ana = people.add("Ana", "owner").id
    token = people.issue(ana, "token", seconds=100)
    session = people.issue(ana, "session", seconds=1000, using=token)
    longer = people.issue(ana, "token", seconds=1000, using=session)
    assert people.token_of(longer).expires == people.token_of(session).expires == people.token_of(token).expires
    brief = people.issue(ana, "session", seconds=10, using=token)
    clock.offset += 50
    assert [people.person_of(secret) is None for secret in (session, longer, brief)] == [False, False, True]
    people.revoke(people.token_of(token).id)
    assert [people.person_of(secret) for secret in (session, longer)] == [None, None]
    with pytest.raises(NotSignedIn):
        people.issue(ana, "token", using=token)


def test_browser_that_came_with_a_link_makes_tokens_that_outlive_its_session(people: People, clock: Clock) -> None:
    ana = people.add("Ana", "owner").id
    session = people.sign_in(people.issue(ana, "link"), seconds=10)
    token = people.issue(ana, "token", seconds=1000, using=session)
    clock.offset += 50
    assert people.person_of(session) is None
    assert people.person_of(token) is not None
