"""The journal takes additions and nothing else: from the service's role, and by trigger even from its owner.

So does the key store, where besides a key may be emptied, once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from application.database import migrate_keys, service_conninfo
from application.store import Beside, Conflict, Journal
from tests.service import keys_of
from tests.test_writer import PRODUCER, claims, done, idea, opened, order, writer_on

Connection = psycopg.Connection[tuple]

TABLES = ("events", "commands", "claims", "personal_reads")
INSERTS = {
    "events": "INSERT INTO ocop.events (originator_id, originator_version, topic, state, leaf_index)"
    " VALUES (gen_random_uuid(), 1, 'product.identified', '{}', 1000000)",
    "commands": "INSERT INTO ocop.commands (command_id, digest, product_id, from_version, to_version)"
    " VALUES (gen_random_uuid(), '', gen_random_uuid(), 0, 1)",
    "claims": "INSERT INTO ocop.claims (key, product_id) VALUES ('new', gen_random_uuid())",
    "personal_reads": "INSERT INTO ocop.personal_reads (person, role, office, route, stream, commune, province, fields,"
    " count) VALUES ('x', 'x', 'x', 'x', gen_random_uuid(), '04876', '25', '{phone}', 1)",
}
COLUMNS = {
    "events": "state = ''",
    "commands": "digest = ''",
    "claims": "product_id = gen_random_uuid()",
    "personal_reads": "person = ''",
}
CHANGES = {
    "update": "UPDATE ocop.{table} SET {column}",
    "update of no row": "UPDATE ocop.{table} SET {column} WHERE false",
    "delete": "DELETE FROM ocop.{table}",
    "delete of no row": "DELETE FROM ocop.{table} WHERE false",
    "truncate": "TRUNCATE ocop.{table}",
    "truncate with all that hangs on it": "TRUNCATE ocop.{table} RESTART IDENTITY CASCADE",
    "merge": "MERGE INTO ocop.{table} USING (SELECT 1) AS one ON true WHEN MATCHED THEN DELETE",
}
ALTERATIONS = {
    "copy into": "COPY ocop.{table} FROM STDIN",
    "drop": "DROP TABLE ocop.{table} CASCADE",
    "new column": "ALTER TABLE ocop.{table} ADD COLUMN more text",
    "rename": "ALTER TABLE ocop.{table} RENAME TO other",
    "no constraint": "ALTER TABLE ocop.{table} DROP CONSTRAINT {table}_pkey",
    "triggers off": "ALTER TABLE ocop.{table} DISABLE TRIGGER ALL",
    "own trigger off": "ALTER TABLE ocop.{table} DISABLE TRIGGER USER",
    "no trigger": "DROP TRIGGER {table}_append_only ON ocop.{table}",
    "a trigger of its own": "CREATE TRIGGER mine BEFORE INSERT ON ocop.{table}"
    " FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "a rule of its own": "CREATE RULE mine AS ON INSERT TO ocop.{table} DO INSTEAD NOTHING",
    "row level security": "ALTER TABLE ocop.{table} ENABLE ROW LEVEL SECURITY",
    "take it over": "ALTER TABLE ocop.{table} OWNER TO ocop_service",
    "lock everybody out": "LOCK TABLE ocop.{table} IN ACCESS EXCLUSIVE MODE",
}
AROUND = {
    "replace the trigger's function": "CREATE OR REPLACE FUNCTION ocop.refuse_change() RETURNS trigger LANGUAGE plpgsql"
    " AS $$ BEGIN RETURN NULL; END $$",
    "drop the trigger's function": "DROP FUNCTION ocop.refuse_change() CASCADE",
    "drop the append": "DROP FUNCTION ocop.append",
    "change the append": "ALTER FUNCTION ocop.append RESET ALL",
    "take over the append": "ALTER FUNCTION ocop.append OWNER TO ocop_service",
    "drop the append that looks at other streams": "DROP FUNCTION ocop.append_seeing",
    "drop the noting of who looked": "DROP FUNCTION ocop.note_personal_reads",
    "change the noting of who looked": "ALTER FUNCTION ocop.note_personal_reads RESET ALL",
    "take over the noting of who looked": "ALTER FUNCTION ocop.note_personal_reads OWNER TO ocop_service",
    "another noting of who looked": "CREATE OR REPLACE FUNCTION ocop.note_personal_reads(by_person text, by_role text,"
    " by_office text, by_route text, streams uuid[], communes text[], provinces text[], fields_read text[],"
    " counts int[]) RETURNS void LANGUAGE sql AS $$ $$",
    "drop the schema": "DROP SCHEMA ocop CASCADE",
    "rename the schema": "ALTER SCHEMA ocop RENAME TO other",
    "a table beside": "CREATE TABLE ocop.more ()",
    "triggers off for the session": "SET session_replication_role = replica",
    "drop the index of positions": "DROP INDEX ocop.events_position",
    "move the sequence": "SELECT setval('ocop.events_notification_id_seq', 1)",
    "draw from the sequence": "SELECT nextval('ocop.events_notification_id_seq')",
    "forget a migration": "DELETE FROM ocop_meta.migrations",
}

KEY = UUID(int=10)
LOOKED = "SELECT ocop.note_personal_reads('x', 'x', 'x', 'x', ARRAY[%s], '{04876}', '{25}', '{phone}', '{1}')"
KEY_AROUND = {
    "insert": "INSERT INTO keys.keys (key_id, subject, purpose, generation, wrapped)"
    " VALUES (gen_random_uuid(), gen_random_uuid(), 'process', 1, 'new')",
    "drop the making": "DROP FUNCTION keys.make",
    "take over the making": "ALTER FUNCTION keys.make OWNER TO ocop_service",
    "change the destroying": "ALTER FUNCTION keys.destroy RESET ALL",
    "replace the guard": "CREATE OR REPLACE FUNCTION keys.guard() RETURNS trigger LANGUAGE plpgsql"
    " AS $$ BEGIN RETURN NULL; END $$",
    "drop the guard": "DROP TRIGGER keys_guard ON keys.keys",
    "triggers off": "ALTER TABLE keys.keys DISABLE TRIGGER ALL",
    "drop the table": "DROP TABLE keys.keys",
    "take the table over": "ALTER TABLE keys.keys OWNER TO ocop_service",
    "a table beside": "CREATE TABLE keys.more ()",
    "drop the schema": "DROP SCHEMA keys CASCADE",
}

SUBJECT = UUID(int=11)


@pytest.fixture(scope="module")
def told(database: str) -> str:
    """A database with facts, commands and a claim in it; and somebody has looked at personal data."""
    journal = Journal(database)
    writer = writer_on(journal)
    done(writer, idea(opened(writer)))
    opened(writer)
    journal.close()
    with psycopg.connect(service_conninfo(database)) as connection:
        connection.execute(LOOKED, (SUBJECT,))
    return database


MAKE = "SELECT key_id, wrapped FROM keys.make(%s::uuid[], %s::uuid[], %s::text[], %s::bytea[])"


@pytest.fixture(scope="module")
def store(database: str) -> str:
    """A key store with one key in it."""
    url = keys_of(database)
    migrate_keys(url)
    with psycopg.connect(service_conninfo(url)) as connection:
        connection.execute(MAKE, ([KEY], [SUBJECT], ["process"], [b"wrapped"]))
    return url


@pytest.fixture
def service(told: str) -> Iterator[Connection]:
    """A connection as the service makes it; what it did is undone in the end."""
    with psycopg.connect(service_conninfo(told)) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def owner(told: str) -> Iterator[Connection]:
    """A connection as the owner of the tables."""
    with psycopg.connect(told) as connection:
        yield connection
        connection.rollback()


@pytest.fixture(autouse=True)
def unchanged(told: str) -> Iterator[None]:
    """Whatever a test tried, all rows are as before."""
    before = content(told)
    yield
    assert content(told) == before


def content(url: str) -> dict[str, list[tuple]]:
    with psycopg.connect(url) as connection:
        return {t: connection.execute(f"SELECT * FROM ocop.{t} ORDER BY 1, 2").fetchall() for t in TABLES}


def in_words(statement: str, table: str) -> str:
    return statement.format(table=table, column=COLUMNS[table])


def test_the_service_acts_as_a_role_that_owns_nothing_of_the_journal(service: Connection) -> None:
    row = service.execute(
        "SELECT current_user, rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls OR rolcanlogin,"
        " (SELECT count(*) FROM pg_class c WHERE c.relowner = r.oid AND c.relnamespace = 'ocop'::regnamespace)"
        " FROM pg_roles r WHERE rolname = current_user"
    ).fetchone()

    assert row == ("ocop_service", False, 0)


@pytest.mark.parametrize("table", TABLES)
def test_the_service_may_not_insert_but_by_appending(service: Connection, table: str) -> None:
    with pytest.raises(InsufficientPrivilege, match="permission denied for table"):
        service.execute(INSERTS[table])


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("change", CHANGES)
def test_the_service_may_not_change_what_is_stored(service: Connection, table: str, change: str) -> None:
    with pytest.raises(InsufficientPrivilege, match="permission denied for table"):
        service.execute(in_words(CHANGES[change], table))


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_the_service_may_not_alter_the_tables(service: Connection, table: str, alteration: str) -> None:
    with pytest.raises((InsufficientPrivilege, psycopg.errors.UndefinedObject)):
        service.execute(in_words(ALTERATIONS[alteration], table))


@pytest.mark.parametrize("table", TABLES)
def test_the_service_gains_nothing_by_granting_itself_more(service: Connection, table: str) -> None:
    service.execute(f"GRANT ALL ON ocop.{table} TO ocop_service")  # PostgreSQL only warns

    more = "INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER, REFERENCES"
    row = service.execute("SELECT has_table_privilege(%s, %s)", (f"ocop.{table}", more)).fetchone()

    assert row == (False,)


@pytest.mark.parametrize("way", AROUND)
def test_the_service_finds_no_way_round(service: Connection, way: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        service.execute(AROUND[way])


@pytest.mark.parametrize("table", ["events", "commands", "personal_reads"])
@pytest.mark.parametrize("change", CHANGES)
def test_even_the_owner_may_not_change_what_is_stored(owner: Connection, table: str, change: str) -> None:
    with pytest.raises(InsufficientPrivilege, match="the journal is append-only"):
        owner.execute(in_words(CHANGES[change], table))


def test_even_the_owner_may_not_change_by_inserting(owner: Connection) -> None:
    with pytest.raises(InsufficientPrivilege, match="the journal is append-only"):
        owner.execute(
            "INSERT INTO ocop.commands SELECT * FROM ocop.commands ON CONFLICT (command_id) DO UPDATE SET digest = ''"
        )


def test_nobody_chooses_a_position(owner: Connection) -> None:
    with pytest.raises(psycopg.errors.GeneratedAlways):
        owner.execute(
            "INSERT INTO ocop.events (originator_id, originator_version, topic, state, leaf_index, notification_id)"
            " VALUES (gen_random_uuid(), 1, 'product.identified', '{}', 1000000, 1)"
        )


def test_nobody_else_may_append_or_read(told: str) -> None:
    with psycopg.connect(told) as connection:
        connection.execute("CREATE ROLE ocop_stranger")
        connection.execute("SET ROLE ocop_stranger")
        for statement in (
            *(f"SELECT * FROM ocop.{table}" for table in TABLES),
            "SELECT ocop.append('{}'" + ", '{}'" * 11 + ")",
            "SELECT ocop.append_seeing('{}'" + ", '{}'" * 13 + ")",
            LOOKED.replace("%s", "gen_random_uuid()"),
        ):
            with pytest.raises(InsufficientPrivilege), connection.transaction():
                connection.execute(statement)
        connection.rollback()


def kept(store: str) -> list[tuple]:
    with psycopg.connect(store) as connection:
        return connection.execute("SELECT * FROM keys.keys ORDER BY key_id").fetchall()


def of_keys(change: str) -> str:
    return CHANGES[change].format(table="keys", column="wrapped = ''").replace("ocop.keys", "keys.keys")


@pytest.mark.parametrize("way", [*CHANGES, *KEY_AROUND])
def test_the_service_may_not_change_the_key_store(store: str, way: str) -> None:
    statement = (
        {**CHANGES, **KEY_AROUND}[way].format(table="keys", column="wrapped = ''").replace("ocop.keys", "keys.keys")
    )
    before = kept(store)

    with psycopg.connect(service_conninfo(store)) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute(statement)

    assert kept(store) == before


@pytest.mark.parametrize("change", [name for name in CHANGES if "no row" not in name])
def test_even_the_owner_may_not_change_a_key(store: str, change: str) -> None:
    statement, refused = of_keys(change), pytest.raises(InsufficientPrivilege, match="a key is made and destroyed")
    before = kept(store)

    with psycopg.connect(store) as connection, refused:
        connection.execute(statement)

    assert kept(store) == before


def test_the_service_may_add_a_key_and_never_replaces_one(store: str) -> None:
    """Whoever comes second is given the key that is kept; a destroyed one stays empty, and the next is another."""
    other, ids = UUID(int=12), [UUID(int=n) for n in (20, 21, 22, 23)]
    with psycopg.connect(service_conninfo(store)) as connection:
        given = [
            connection.execute(MAKE, ([key_id], [subject], ["process"], [wrapped])).fetchone()
            for key_id, subject, wrapped in (
                (ids[0], other, b"first"),
                (ids[1], other, b"second"),
                (ids[2], SUBJECT, b"another"),
            )
        ]
        connection.execute("SELECT keys.destroy(%s, %s, %s)", (other, ["process"], "asked"))
        connection.execute("SELECT keys.destroy(%s, %s, %s)", (other, ["process"], "asked"))
        given.append(connection.execute(MAKE, ([ids[3]], [other], ["process"], [b"third"])).fetchone())
        rows = connection.execute("SELECT key_id, generation, wrapped FROM keys.keys ORDER BY key_id").fetchall()
        connection.rollback()

    assert given == [(ids[0], b"first"), (ids[0], b"first"), (KEY, b"wrapped"), (ids[3], b"third")]
    assert rows == [(KEY, 1, b"wrapped"), (ids[0], 1, None), (ids[3], 2, b"third")]


def test_an_append_on_streams_that_have_moved_on_is_refused_as_a_whole(told: str) -> None:
    journal = Journal(told)
    first = journal.page(0, 1)[0]
    stored = journal.latest(first.originator_id)[0]
    nothing, new = UUID(int=21), replace(first, originator_id=UUID(int=22), originator_version=1)

    for seen in ({first.originator_id: stored - 1}, {first.originator_id: stored, nothing: 1}, {nothing: 1}):
        with pytest.raises(Conflict, match="version"):
            journal.append([new], Beside(seen=seen))

    assert journal.append([], Beside(seen={first.originator_id: stored, nothing: 0})) == []
    assert journal.latest(new.originator_id) == (0, 0)
    journal.close()


def test_appending_changes_nothing_that_is_stored(told: str) -> None:
    journal = Journal(told)
    first = journal.page(0, 1)[0]
    again = Beside(claims=[(b"other", first.originator_id)])

    with pytest.raises(Conflict, match="version"):
        journal.append([first], again)

    assert journal.claimed_by(b"other") is None
    journal.close()


def test_claims_change_by_appending(own_database: str) -> None:
    journal = Journal(own_database)
    writer = writer_on(journal)
    p = opened(writer)
    assert claims(own_database) == []

    done(writer, idea(p))
    assert claims(own_database) == [p]

    with pytest.raises(Conflict, match="claim"):
        journal.append([], Beside(claims=[(_key(own_database), UUID(int=7))]))
    assert claims(own_database) == [p]

    done(writer, order("withdraw-idea", PRODUCER, p))
    assert claims(own_database) == []
    journal.close()


def _key(url: str) -> bytes:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT key FROM ocop.claims").fetchone()
    assert row is not None
    return bytes(row[0])
