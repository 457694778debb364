"""Local accounts: guessing is slowed and locked, alike for logins that exist and that do not; codes work once."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest

from application.access import passwords, throttle
from application.access.accounts import FIRST_PASSWORD_LIVES, Accounts
from application.access.passwords import Passwords
from application.access.refusals import (
    CodeHeld,
    CodeRefused,
    Locked,
    LoginRefused,
    LoginTaken,
    PasswordTooWeak,
)
from application.access.sessions import Proof
from application.database import service_conninfo
from domain.refusals import Busy, Invalid, NotFound
from tests.door import ELSEWHERE, HERE, PHRASE, Door, in_the_database, verifications


@pytest.fixture(scope="module")
def shared(database: str) -> Iterator[Door]:
    door = Door(database)
    yield door
    door.close()


@pytest.fixture
def door(shared: Door) -> Door:
    """A new day: failures of earlier tests are forgotten."""
    shared.clock.move(days=2)
    return shared


# ── Opening, and the one-time password ─────────────────────────────────────────────────────────────────


def test_a_one_time_password_opens_a_session_that_may_only_change_it(door: Door) -> None:
    person = uuid4()
    once = door.run(door.accounts.open(person, f"can-bo.{person.hex[:8]}"))

    opened = door.log_in(f"can-bo.{person.hex[:8]}", once)

    assert opened.session.person == person
    assert opened.session.first_password
    assert opened.session.limited
    assert opened.session.proof is Proof.PASSWORD
    changed = door.run(door.accounts.change_password(opened.session, once, PHRASE, HERE))
    assert not changed.session.limited
    assert door.session(opened.token) is None
    assert door.session(changed.token) == changed.session
    assert door.outcome(f"can-bo.{person.hex[:8]}", once)[0] == "login-refused"
    assert not door.log_in(f"can-bo.{person.hex[:8]}").session.limited


def test_a_one_time_password_that_nobody_used_for_a_week_is_dead(door: Door) -> None:
    person, login = uuid4(), f"can-bo.{uuid4().hex[:8]}"
    once = door.run(door.accounts.open(person, login))
    door.clock.move(seconds=FIRST_PASSWORD_LIVES.total_seconds() + 1)

    assert door.outcome(login, once)[0] == "login-refused"
    assert door.outcome(login, door.run(door.accounts.reset(person))) == ("in",)


def test_one_time_passwords_differ_and_are_long_enough_for_a_guesser() -> None:
    made = {passwords.one_time_password() for _ in range(200)}

    assert len(made) == 200
    assert all(len(p.replace("-", "")) == 16 for p in made)


def test_a_login_is_the_same_in_any_case_and_belongs_to_one_person(door: Door) -> None:
    person, login = door.somebody()

    assert door.log_in(login.upper()).session.person == person
    with pytest.raises(LoginTaken):
        door.run(door.accounts.open(uuid4(), login.upper()))
    with pytest.raises(LoginTaken):
        door.run(door.accounts.open(person, "another.login"))


@pytest.mark.parametrize(
    "login", ["", "ab", "a" * 65, "có dấu", ".dot", "a b c", "nul\x00nul", "x' OR '1'='1", "\ud800ab"]
)
def test_strange_logins_are_not_opened_and_not_let_in(door: Door, login: str) -> None:
    with pytest.raises(Invalid):
        door.run(door.accounts.open(uuid4(), login))

    assert door.outcome(login, PHRASE, address=f"strange-{uuid4()}")[0] in ("login-refused", "locked")
    assert door.run(door.accounts.by_login(login)) is None


# ── Guessing ───────────────────────────────────────────────────────────────────────────────────────────


def test_unknown_login_wrong_password_and_wrong_code_are_told_and_worked_alike(door: Door) -> None:
    _, login, secret = door.with_totp()
    _, closed = door.somebody()
    found = door.run(door.accounts.by_login(closed))
    assert found is not None
    door.run(door.accounts.close(found.person))
    right = door.code(secret)
    wrong = f"{(int(right) + 1) % 1_000_000:06}"
    tries = [
        (f"nobody.{uuid4().hex[:8]}", PHRASE, ""),
        (login, "not the password at all", right),
        (login, PHRASE, wrong),
        (login, PHRASE, ""),
        (closed, PHRASE, ""),
        (login, PHRASE + "x" * 300, right),
    ]

    told, worked = set(), []
    for name, password, code in tries:
        before = verifications()
        told.add(door.outcome(name, password, code))
        worked.append(verifications() - before)
        door.clock.move(minutes=3)

    assert len(told) == 1
    assert told.pop()[0] == "login-refused"
    assert worked == [1] * len(tries)


def guessed(door: Door, login: str, times: int) -> list[tuple[str, ...]]:
    """Wrong passwords one after another, each sent as soon as it may be; what was told, waits included."""
    told = []
    for _ in range(times):
        outcome = door.outcome(login, "wrong password !", address=f"{uuid4()}")
        told.append(outcome)
        while outcome[0] == "locked":
            door.clock.move(seconds=float(outcome[2].split()[-2]))
            outcome = door.outcome(login, "wrong password !", address=f"{uuid4()}")
            told.append(outcome)
    return told


def test_guessing_is_slowed_twofold_each_time_and_then_locked(door: Door) -> None:
    _, login = door.somebody()

    waits = [o[2] for o in guessed(door, login, 10) if o[0] == "locked"]

    assert waits == [f"Too many failures; try again in {n} seconds." for n in (1, 2, 4, 8, 16, 32, 64)]
    began = door.clock()
    with pytest.raises(Locked) as locked:
        door.log_in(login)  # the right password: nobody is let in while it is locked
    assert locked.value.seconds == throttle.LOCK.total_seconds()
    door.clock.move(seconds=throttle.LOCK.total_seconds() - 1)
    assert door.outcome(login)[0] == "locked"
    door.clock.move(seconds=1)
    assert door.outcome(login) == ("in",)
    assert door.clock() - began == timedelta(minutes=15)


def test_after_a_lock_failures_are_counted_anew(door: Door) -> None:
    _, login = door.somebody()
    guessed(door, login, 10)
    door.clock.move(minutes=15)

    assert [door.outcome(login, "wrong password !")[0] for _ in range(2)] == ["login-refused"] * 2
    assert door.outcome(login) == ("in",)


def test_who_locks_a_login_from_outside_does_not_keep_its_owner_from_proving_again(door: Door) -> None:
    _, login = door.somebody()
    session = door.log_in(login).session
    guessed(door, login, 10)

    assert door.outcome(login)[0] == "locked"
    assert door.run(door.accounts.reauthenticate(session, PHRASE, "", HERE)).token


def test_guessing_from_within_a_session_is_locked_too(door: Door) -> None:
    _, login = door.somebody()
    session, told = door.log_in(login).session, []
    while len(told) < throttle.LOCK_AT:
        with pytest.raises((LoginRefused, Locked)) as refused:
            door.run(door.accounts.reauthenticate(session, f"guess {len(told)}", "", HERE))
        if isinstance(refused.value, Locked):
            door.clock.move(seconds=refused.value.seconds)
        else:
            told.append(refused.value)

    with pytest.raises(Locked) as locked:
        door.run(door.accounts.reauthenticate(session, PHRASE, "", HERE))
    assert locked.value.seconds == throttle.LOCK.total_seconds()


def test_while_it_is_locked_no_password_is_looked_at(door: Door) -> None:
    _, login = door.somebody()
    guessed(door, login, 10)
    before = verifications()

    assert [door.outcome(login)[0] for _ in range(20)] == ["locked"] * 20

    assert verifications() == before


def test_an_unknown_login_is_slowed_and_locked_like_a_known_one(door: Door) -> None:
    _, known = door.somebody()

    assert guessed(door, known, 12) == guessed(door, f"nobody.{uuid4().hex[:8]}", 12)


def test_a_hundred_guesses_sent_at_once_are_counted_like_guesses_in_turn(door: Door) -> None:
    _, login = door.somebody()
    before = verifications()

    told = door.together(door.accounts.log_in(login, "wrong password !", "", f"{n}.example") for n in range(60))

    assert verifications() - before == throttle.SLOW_FROM
    assert [type(o) for o in told].count(LoginRefused) == throttle.SLOW_FROM
    assert [type(o) for o in told].count(Locked) == 60 - throttle.SLOW_FROM


def test_a_success_clears_the_failures_of_a_login(door: Door) -> None:
    _, login = door.somebody()

    for _ in range(8):
        assert door.outcome(login, "wrong password !")[0] == "login-refused"
        assert door.outcome(login, "wrong password ?")[0] == "login-refused"
        assert door.outcome(login) == ("in",)


def test_many_logins_tried_from_one_address_lock_the_address_and_no_other(door: Door) -> None:
    _, login = door.somebody()
    address = "2001:db8:1:2::1"
    for n in range(throttle.ADDRESS_LOCK_AT):
        outcome = door.outcome(f"nobody.{uuid4().hex[:8]}", address=f"2001:db8:1:2::{n:x}")
        assert outcome[0] == "login-refused"
        door.clock.move(seconds=0 if n < throttle.ADDRESS_SLOW_FROM - 1 else 2)
        if n >= throttle.ADDRESS_SLOW_FROM + 1:  # waits double: let them pass without leaving the window
            with psycopg.connect(door.url) as connection:
                connection.execute("UPDATE access.attempts SET until = %s WHERE failures < 100", (door.clock(),))

    assert door.outcome(login, address=address)[0] == "locked"
    assert door.outcome(login, address=ELSEWHERE) == ("in",)
    door.clock.move(minutes=16)
    assert door.outcome(login, address=address) == ("in",)


def test_an_office_that_logs_in_from_one_address_is_not_slowed(door: Door) -> None:
    logins = [door.somebody()[1] for _ in range(3)]

    assert all(door.outcome(logins[n % 3]) == ("in",) for n in range(throttle.ADDRESS_LOCK_AT + 20))


def test_a_guesser_with_an_account_of_his_own_does_not_clear_his_address(door: Door) -> None:
    _, own = door.somebody()
    failed = 0
    for n in range(3 * throttle.ADDRESS_LOCK_AT):
        if n % 3 == 2:
            door.outcome(own)
        elif door.outcome(f"nobody.{uuid4().hex[:8]}")[0] == "login-refused":
            failed += 1
    assert failed <= throttle.ADDRESS_SLOW_FROM


def test_a_flood_of_logins_ends_at_the_door_and_not_in_memory(door: Door) -> None:
    told = door.together(door.passwords.verify(None, "whatever it is") for _ in range(passwords.MOST_WAITING * 2))

    taken = passwords.AT_ONCE + passwords.MOST_WAITING
    assert told.count(False) == taken
    assert [type(o) for o in told].count(Busy) == len(told) - taken


def test_the_loop_goes_on_while_a_password_is_compared(door: Door) -> None:
    real = Passwords()

    async def ticks_meanwhile() -> int:
        comparing = asyncio.ensure_future(real.verify(None, "whatever it is"))
        ticks = 0
        while not comparing.done():
            await asyncio.sleep(0.005)
            ticks += 1
        return ticks

    assert door.run(ticks_meanwhile()) >= 3


# ── Codes ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_code_is_taken_once(door: Door) -> None:
    _, login, secret = door.with_totp()
    code = door.code(secret)

    assert door.outcome(login, code=code) == ("in",)
    assert door.outcome(login, code=code)[0] == "login-refused"
    door.clock.move(seconds=30)
    assert door.outcome(login, code=code)[0] == "login-refused"
    assert door.outcome(login, code=door.code(secret)) == ("in",)


def test_an_older_code_is_not_taken_after_a_newer_one(door: Door) -> None:
    _, login, secret = door.with_totp()

    assert door.outcome(login, code=door.code(secret, seconds=30)) == ("in",)
    assert door.outcome(login, code=door.code(secret))[0] == "login-refused"


def test_a_code_sent_twice_at_once_is_taken_once(door: Door) -> None:
    _, login, secret = door.with_totp()
    code = door.code(secret)

    told = door.together(door.accounts.log_in(login, PHRASE, code, HERE) for _ in range(2))

    assert [isinstance(o, LoginRefused) for o in told].count(True) == 1


@pytest.mark.parametrize(("off", "taken"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_a_phones_clock_may_be_one_step_off(door: Door, off: int, taken: bool) -> None:
    _, login, secret = door.with_totp()
    door.clock.move(minutes=5)

    assert (door.outcome(login, code=door.code(secret, seconds=off)) == ("in",)) == taken


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "１２３４５６", "-12345", "12 34", "\x00" * 6])
def test_what_is_no_code_is_refused(door: Door, code: str) -> None:
    _, login, _ = door.with_totp()

    assert door.outcome(login, code=code)[0] == "login-refused"


def test_who_signs_must_enrol_a_code_before_anything_else(door: Door) -> None:
    _, login = door.somebody(signs=True)
    opened = door.log_in(login)
    assert opened.session.must_enrol_totp
    assert opened.session.limited
    enrolment = door.run(door.accounts.begin_totp(opened.session))
    assert enrolment.uri.startswith("otpauth://totp/OCOP:")
    assert f"secret={enrolment.secret}" in enrolment.uri

    with pytest.raises(CodeRefused):
        door.run(door.accounts.confirm_totp(opened.session, door.code(enrolment.secret, minutes=5), HERE))
    assert door.session(opened.token) is not None
    confirmed = door.run(door.accounts.confirm_totp(opened.session, door.code(enrolment.secret), HERE))

    assert not confirmed.session.limited
    assert confirmed.session.proof is Proof.TOTP
    assert door.session(opened.token) is None
    assert door.outcome(login)[0] == "login-refused"  # from now on the password alone is not enough
    assert door.outcome(login, code=door.code(enrolment.secret))[0] == "login-refused"  # taken at enrolment
    door.clock.move(seconds=30)
    assert door.log_in(login, code=door.code(enrolment.secret)).session.proof is Proof.TOTP


def test_a_person_becomes_one_who_signs_while_logged_in(door: Door) -> None:
    person, login = door.somebody()
    token = door.log_in(login).token
    door.signing.add(person)
    door.clock.move(seconds=3)

    session = door.session(token)

    assert session is not None
    assert session.limited


def test_an_app_in_use_is_replaced_by_an_administrators_reset_alone(door: Door) -> None:
    """Whoever holds a stolen session does not get to put his own phone in the owner's place, nor a fresher proof."""
    person, login, secret = door.with_totp()
    opened = door.log_in(login, code=door.code(secret))
    with pytest.raises(CodeHeld):
        door.run(door.accounts.begin_totp(opened.session))

    once = door.run(door.accounts.reset(person, drop_totp=True))
    door.clock.move(seconds=30)
    again = door.log_in(login, once)
    changed = door.run(door.accounts.change_password(again.session, once, PHRASE, HERE))
    fresh = door.run(door.accounts.begin_totp(changed.session)).secret
    confirmed = door.run(door.accounts.confirm_totp(changed.session, door.code(fresh), HERE))

    assert confirmed.session.proved_at == changed.session.proved_at
    door.clock.move(seconds=30)
    assert door.outcome(login, code=door.code(secret))[0] == "login-refused"
    assert door.outcome(login, code=door.code(fresh)) == ("in",)


# ── Passwords ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "weak",
    [
        "",
        "short",
        "11 chữ cái.",
        "123456789012",
        "Mật khẩu 1",
        "MATKHAU123456",
        "matkhau 1234 56",
        "aaaaaaaaaaaaaaaa",
        "abababababab",
        "x" * 201,
        "mùa xuân trên bản Mường" * 10,
    ],
)
def test_weak_passwords_are_refused_and_nothing_changes(door: Door, weak: str) -> None:
    _, login = door.somebody()
    opened = door.log_in(login)

    with pytest.raises(PasswordTooWeak):
        door.run(door.accounts.change_password(opened.session, PHRASE, weak, HERE))

    assert door.session(opened.token) is not None
    assert door.outcome(login) == ("in",)


def test_the_login_and_the_old_password_are_no_new_passwords(door: Door) -> None:
    _, login = door.somebody()
    session = door.log_in(login).session

    for weak in (login, login.upper(), PHRASE):
        with pytest.raises(PasswordTooWeak):
            door.run(door.accounts.change_password(session, PHRASE, weak, HERE))


def test_a_password_is_the_same_however_the_keyboard_sends_its_letters(door: Door) -> None:
    _, login = door.somebody()

    assert unicodedata.normalize("NFD", PHRASE) != PHRASE
    assert door.outcome(login, unicodedata.normalize("NFD", PHRASE)) == ("in",)


def test_changing_needs_the_old_password_and_ends_every_other_session(door: Door) -> None:
    _, login = door.somebody()
    first, second = door.log_in(login), door.log_in(login)
    with pytest.raises(LoginRefused):
        door.run(door.accounts.change_password(first.session, "not the old one", "another long phrase", HERE))
    assert door.session(second.token) is not None

    changed = door.run(door.accounts.change_password(first.session, PHRASE, "another long phrase", HERE))

    assert [door.session(t) is None for t in (first.token, second.token, changed.token)] == [True, True, False]
    assert changed.session.ends_at == first.session.ends_at


def test_guessing_the_old_password_from_within_a_session_is_slowed_too(door: Door) -> None:
    _, login = door.somebody()
    session = door.log_in(login).session

    told = door.together(
        door.accounts.change_password(session, f"guess number {n}", "another long phrase", HERE) for n in range(20)
    )

    assert [type(o) for o in told].count(LoginRefused) == throttle.SLOW_FROM


def test_a_hash_of_older_parameters_is_made_anew_at_the_next_login(door: Door) -> None:
    person, login = door.somebody()
    stronger = Accounts(door.pool, door.keeper, door.clock, door.sessions, Passwords(memory_kib=128, passes=1))

    door.run(stronger.log_in(login, PHRASE, "", HERE))

    with psycopg.connect(door.url) as connection:
        row = connection.execute("SELECT password_hash FROM access.accounts WHERE person = %s", (person,)).fetchone()
    assert row is not None
    assert row[0].startswith("$argon2id$v=19$m=128,t=1,")
    assert door.outcome(login) == ("in",)


def test_todays_parameters_are_those_of_rfc_9106_for_small_machines() -> None:
    made = asyncio.run(Passwords().hash(PHRASE))

    assert made.startswith("$argon2id$v=19$m=65536,t=3,p=1$")


# ── Reset and closing ──────────────────────────────────────────────────────────────────────────────────


def test_a_reset_ends_sessions_and_the_old_password_and_unlocks(door: Door) -> None:
    person, login, secret = door.with_totp()
    token = door.log_in(login, code=door.code(secret)).token
    guessed(door, login, 10)

    once = door.run(door.accounts.reset(person))

    assert door.session(token) is None
    door.clock.move(seconds=30)
    assert door.outcome(login, code=door.code(secret))[0] == "login-refused"
    assert door.outcome(login, once)[0] == "login-refused"  # the app is still asked for
    assert door.log_in(login, once, door.code(secret)).session.first_password


def test_a_lost_phone_is_dropped_by_a_reset_that_says_so(door: Door) -> None:
    person, login, _ = door.with_totp()

    once = door.run(door.accounts.reset(person, drop_totp=True))
    session = door.log_in(login, once).session

    assert session.first_password
    assert session.must_enrol_totp


def test_a_closed_account_lets_nobody_in_and_its_login_goes_to_nobody_else(door: Door) -> None:
    person, login = door.somebody()
    token = door.log_in(login).token

    door.run(door.accounts.close(person))

    assert door.session(token) is None
    assert door.outcome(login)[0] == "login-refused"
    for again in (door.accounts.close(person), door.accounts.reset(person)):
        with pytest.raises(NotFound):
            door.run(again)
    with pytest.raises(LoginTaken):
        door.run(door.accounts.open(uuid4(), login))
    once = door.run(door.accounts.open(person, login))
    assert door.log_in(login, once).session.first_password


def test_a_login_that_began_before_a_reset_does_not_outlive_it(door: Door) -> None:
    """The password was right when it was compared, and reset before the session was opened."""
    person, login = door.somebody()

    class Slow(Passwords):
        async def verify(self, hashed: str | None, password: str) -> bool:
            fits = await super().verify(hashed, password)
            await door.accounts.reset(person)
            return fits

    racing = Accounts(door.pool, door.keeper, door.clock, door.sessions, Slow(memory_kib=64, passes=1))

    with pytest.raises(LoginRefused):
        door.run(racing.log_in(login, PHRASE, "", HERE))
    assert door.run(door.sessions.of_person(person)) == []


# ── The log, and what is never stored ──────────────────────────────────────────────────────────────────


def test_the_log_tells_the_life_of_an_account(door: Door) -> None:
    person, login = uuid4(), f"can-bo.{uuid4().hex[:8]}"
    once = door.run(door.accounts.open(person, login))
    door.outcome(login, "wrong password !")
    session = door.log_in(login, once).session
    session = door.run(door.accounts.change_password(session, once, PHRASE, HERE)).session
    secret = door.run(door.accounts.begin_totp(session)).secret
    session = door.run(door.accounts.confirm_totp(session, door.code(secret), HERE)).session
    door.clock.move(seconds=30)
    token = door.run(door.accounts.reauthenticate(session, PHRASE, door.code(secret), HERE)).token
    door.run(door.sessions.end(token))
    guessed(door, login, 10)
    door.run(door.accounts.reset(person))
    door.run(door.accounts.close(person))

    told = door.logged(person)

    assert told == [
        "account-opened",
        "login-failed",
        "login-succeeded",
        "password-changed",
        "totp-enrolled",
        "re-authenticated",
        "logged-out",
        *["login-failed"] * 10,
        "login-locked",
        "account-reset",
        "account-closed",
    ]


def test_what_was_typed_as_a_login_is_logged_only_when_it_is_one(door: Door) -> None:
    person, login = door.somebody()
    typed = f"my.password.{uuid4().hex}"  # typed in the wrong field

    door.outcome(typed)
    door.outcome(login.upper(), "wrong password !")

    with psycopg.connect(door.url) as connection:
        rows = connection.execute(
            "SELECT person, login, address FROM access.log WHERE what = 'login-failed' ORDER BY id DESC LIMIT 2"
        ).fetchall()
    assert rows == [(person, login, HERE), (None, None, HERE)]
    assert in_the_database(door.url, [typed]) == set()


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE access.log SET what = 'login-succeeded'",
        "DELETE FROM access.log",
        "TRUNCATE access.log",
        "DROP TABLE access.log",
        "ALTER TABLE access.log DISABLE TRIGGER ALL",
        "DROP TRIGGER log_append_only ON access.log",
        "ALTER TABLE access.log OWNER TO ocop_service",
        "DROP SCHEMA access CASCADE",
    ],
)
def test_the_log_can_only_be_added_to(door: Door, attack: str) -> None:
    door.somebody()
    before = door.logged()

    with psycopg.connect(service_conninfo(door.url)) as service, pytest.raises(psycopg.errors.InsufficientPrivilege):
        service.execute(attack)

    assert door.logged() == before


@pytest.mark.parametrize(
    "attack", ["UPDATE access.log SET at = now()", "DELETE FROM access.log", "TRUNCATE access.log"]
)
def test_not_even_by_the_owner_without_taking_the_trigger_away(door: Door, attack: str) -> None:
    door.somebody()

    with psycopg.connect(door.url) as owner, pytest.raises(psycopg.errors.InsufficientPrivilege):
        owner.execute(attack)


def test_no_password_token_or_secret_stands_in_the_database(door: Door) -> None:
    person, login, secret = door.with_totp()
    once = door.run(door.accounts.reset(person))
    code = door.code(secret)
    opened = door.log_in(login, once, code)
    phrase = "một câu dài không ai biết"
    changed = door.run(door.accounts.change_password(opened.session, once, phrase, HERE))
    _, other_login = door.somebody()
    pending = door.run(door.accounts.begin_totp(door.log_in(other_login).session)).secret
    said = [once, PHRASE, phrase, secret, pending, opened.token, changed.token, opened.session.csrf]

    assert in_the_database(door.url, said) == set()
    assert in_the_database(door.url, [login]) == {login}
    for hidden in (opened, changed.session, door.passwords):
        assert not any(text in repr(hidden) for text in said)
