"""Linked identities, pending logins, their settings and addresses."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg_pool import AsyncConnectionPool
from typer.testing import CliRunner

from api.cli_openid import identity
from application.access.addresses import is_local_path, is_secure
from application.access.identities import Identities, Identity
from application.access.openid_logins import LoginLost, OpenIDLogins, Taken
from application.database import service_conninfo
from application.settings import BadSettings, OpenIDSettings, Settings
from domain.refusals import AlreadyRegistered

NOW = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
ISSUER, OTHER = "https://login.example", "https://other.example"
T = TypeVar("T")


def over(database: str, work: Callable[["AsyncConnectionPool[Any]"], Awaitable[T]]) -> T:
    async def run() -> T:
        pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
            service_conninfo(database), min_size=1, max_size=8, timeout=5, open=False, kwargs={"autocommit": True}
        )
        async with pool:
            return await work(pool)

    return asyncio.run(run())


def test_an_identity_is_one_person_and_a_person_one_identity_at_a_provider(database: str) -> None:
    hanh, minh = uuid4(), uuid4()

    async def story(pool: "AsyncConnectionPool[Any]") -> None:
        identities = Identities(pool, lambda: NOW)
        assert await identities.link(ISSUER, "hanh", hanh) is True
        assert await identities.link(ISSUER, "hanh", hanh) is False
        assert await identities.link(OTHER, "hanh", minh) is True  # a name says nothing elsewhere
        for subject, person in (("hanh", minh), ("hanh-2", hanh)):
            with pytest.raises(AlreadyRegistered):
                await identities.link(ISSUER, subject, person)
        assert await identities.person_of(ISSUER, "hanh") == hanh
        assert await identities.person_of(ISSUER, "HANH") is None
        assert Identity(ISSUER, "hanh", hanh, NOW) in await identities.all()
        assert await identities.unlink(ISSUER, "hanh") == hanh
        assert await identities.unlink(ISSUER, "hanh") is None
        assert await identities.person_of(ISSUER, "hanh") is None
        assert await identities.person_of(OTHER, "hanh") == minh
        assert await identities.unlink(OTHER, "hanh") == minh

    over(database, story)


def test_a_login_is_taken_once_also_by_many_at_once(database: str) -> None:
    async def story(pool: "AsyncConnectionPool[Any]") -> None:
        logins = OpenIDLogins(pool, lambda: NOW)
        begun = await logins.begin("browser", next_path="/docs", max_age=300)
        found = await asyncio.gather(*(logins.take(begun.state, "browser") for _ in range(20)), return_exceptions=True)

        assert [f for f in found if isinstance(f, Taken)] == [Taken(begun.nonce, begun.verifier, "/docs", 300)]
        assert [f.reason for f in found if isinstance(f, LoginLost)] == ["used"] * 19

    over(database, story)


def test_a_login_is_lost_for_a_reason(database: str) -> None:
    async def story(pool: "AsyncConnectionPool[Any]") -> None:
        now = NOW
        logins = OpenIDLogins(pool, lambda: now)
        begun = await logins.begin("browser", next_path="/")
        for state, browser, reason in (
            ("never begun", "browser", "unknown"),
            (begun.state, "another", "other-browser"),
            (begun.state, None, "other-browser"),
        ):
            with pytest.raises(LoginLost) as lost:
                await logins.take(state, browser)
            assert lost.value.reason == reason
        now = NOW + timedelta(minutes=10)
        with pytest.raises(LoginLost) as lost:
            await logins.take(begun.state, "browser")
        assert lost.value.reason == "expired"

        now = NOW + timedelta(minutes=71)
        await logins.begin("browser", next_path="/")
        with pytest.raises(LoginLost) as lost:
            await logins.take(begun.state, "browser")
        assert lost.value.reason == "unknown"  # swept

    over(database, story)


def test_what_is_stored_of_a_login_finishes_none(database: str) -> None:
    async def story(pool: "AsyncConnectionPool[Any]") -> None:
        logins = OpenIDLogins(pool, lambda: NOW)
        first, second = [await logins.begin("the browser's secret", next_path="/") for _ in range(2)]
        assert len({first.state, second.state, first.nonce, second.nonce, first.verifier, second.verifier}) == 6
        assert len(first.verifier) == 43
        async with pool.connection() as connection:
            rows = await (await connection.execute("SELECT openid_logins::text FROM access.openid_logins")).fetchall()
        for secret in (first.state, first.verifier, "the browser's secret"):
            assert secret not in str(rows)
            assert secret.encode().hex() not in str(rows)

    over(database, story)


def test_the_service_may_change_no_link_and_drop_no_table(database: str) -> None:
    with psycopg.connect(service_conninfo(database), autocommit=True) as connection:
        for statement in (
            "UPDATE access.identities SET person = gen_random_uuid()",
            "TRUNCATE access.identities",
            "DROP TABLE access.identities",
            "DROP TABLE access.openid_logins",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_an_operator_links_lists_and_unlinks(own_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    person, other = str(uuid4()), str(uuid4())
    for name, value in (("OCOP_DATABASE_URL", own_database), ("OCOP_OPENID_ISSUER", ISSUER), ("COLUMNS", "200")):
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(identity, arguments)
        return result.exit_code, result.output

    assert run("link", person, "--issuer", ISSUER, "--subject", "hanh") == (0, "Đã liên kết. Linked.\n")
    assert run("link", person, "--subject", "hanh") == (0, "Đã liên kết từ trước. Linked before.\n")
    status, told = run("link", other, "--subject", "hanh")
    assert (status, "linked to another person" in told) == (1, True)
    status, told = run("list")
    assert (status, [word in told for word in (ISSUER, "hanh", person)]) == (0, [True] * 3)
    assert run("link", "no-uuid", "--subject", "x")[0] == 2
    assert run("link", other, "--subject", "a\x01b")[0] == 2
    assert run("link", other, "--subject", "x", "--issuer", "http://plain.example")[0] == 2
    status, told = run("unlink", "--subject", "hanh")
    assert (status, person in told) == (0, True)
    assert run("unlink", "--subject", "hanh") == (1, "Không có liên kết này. There is no such link.\n")
    monkeypatch.delenv("OCOP_OPENID_ISSUER")
    assert run("link", other, "--subject", "x")[0] == 2
    assert person not in run("list")[1]


COMPLETE = {
    "OCOP_OPENID_ISSUER": "https://login.example/realms/ocop",
    "OCOP_OPENID_CLIENT_ID": "ocop",
    "OCOP_OPENID_CLIENT_SECRET": "a secret",
    "OCOP_PUBLIC_URL": "https://ocop.example/",
}


def test_settings_of_the_provider(tmp_path: Path) -> None:
    assert OpenIDSettings.of(Settings.from_environment({})) is None
    found = OpenIDSettings.of(Settings.from_environment(COMPLETE))
    assert found == OpenIDSettings(
        issuer="https://login.example/realms/ocop",
        client_id="ocop",
        client_secret="a secret",
        name="OpenID",
        public_url="https://ocop.example",
    )
    assert "a secret" not in repr(found)
    assert "a secret" not in repr(Settings.from_environment(COMPLETE))

    (tmp_path / "secret").write_text("of a file\n", encoding="utf-8")
    in_file = COMPLETE | {"OCOP_OPENID_CLIENT_SECRET": "", "OCOP_OPENID_CLIENT_SECRET_FILE": str(tmp_path / "secret")}
    named = OpenIDSettings.of(Settings.from_environment(in_file | {"OCOP_OPENID_NAME": "VNeID"}))
    assert named is not None
    assert (named.client_secret, named.name) == ("of a file", "VNeID")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OCOP_OPENID_CLIENT_ID", ""),
        ("OCOP_OPENID_CLIENT_SECRET", ""),
        ("OCOP_PUBLIC_URL", "http://ocop.example"),
        ("OCOP_PUBLIC_URL", "https://ocop.example/path"),
        ("OCOP_OPENID_ISSUER", "http://login.example"),
        ("OCOP_OPENID_ISSUER", "https://login.example/?x=1"),
        ("OCOP_OPENID_ISSUER", "login.example"),
    ],
)
def test_bad_settings_are_named(name: str, value: str) -> None:
    with pytest.raises(BadSettings, match=name):
        OpenIDSettings.of(Settings.from_environment(COMPLETE | {name: value}))


def test_without_a_public_address_it_is_where_the_service_listens_and_only_this_machine_will_do() -> None:
    unnamed = COMPLETE | {"OCOP_PUBLIC_URL": "", "OCOP_PORT": "8457"}
    found = OpenIDSettings.of(Settings.from_environment(unnamed))
    assert found is not None
    assert found.public_url == "http://127.0.0.1:8457"
    with pytest.raises(BadSettings, match="OCOP_PUBLIC_URL"):
        OpenIDSettings.of(Settings.from_environment(unnamed | {"OCOP_HOST": "0.0.0.0"}))


def test_a_secret_file_that_is_not_there_is_named() -> None:
    env = COMPLETE | {"OCOP_OPENID_CLIENT_SECRET": "", "OCOP_OPENID_CLIENT_SECRET_FILE": "/nowhere/secret"}
    with pytest.raises(BadSettings, match="OCOP_OPENID_CLIENT_SECRET_FILE"):
        OpenIDSettings.of(Settings.from_environment(env))


@pytest.mark.parametrize(
    "url", ["https://a.example", "https://a.example:8443/x?y=1", "http://127.0.0.1:1", "http://[::1]"]
)
def test_secure_addresses(url: str) -> None:
    assert is_secure(url)


@pytest.mark.parametrize(
    "url",
    [
        "", "http://a.example", "http://127.0.0.1.a.example", "http://localhost@a.example", "https://u:p@a.example",
        "https://", "https:a.example", "ftp://a.example", "javascript:alert(1)", "https://a.example#x",
        "https://a.example\\@b.example", "https://a example", "https://a.example:port", "https://[::1", "//a.example",
        "https://a.example/" + "x" * 2000, "https://ví-dụ.example",
    ],
)  # fmt: skip
def test_other_addresses_are_not(url: str) -> None:
    assert not is_secure(url)


@given(st.text(alphabet="/\\.:@?#%\t\r\n a0", max_size=12))
def test_a_local_path_never_leads_elsewhere(path: str) -> None:
    """Told as browsers do: tabs and line ends are dropped, a backslash is a slash, two slashes begin a host."""
    seen = path.translate({9: None, 10: None, 13: None}).strip().replace("\\", "/")
    if is_local_path(path):
        assert seen == path
        assert seen.startswith("/")
        assert not seen.startswith("//")


def test_ordinary_paths_are_local() -> None:
    assert all(is_local_path(path) for path in ("/", "/docs", "/v1/products?q=che+shan&limit=5#top", "/%C3%A0"))
    assert not any(is_local_path(path) for path in ("", "docs", "//a.example", "/\\a.example", "/à", "/a b", "/\ta"))


def test_persons_are_uuids(database: str) -> None:
    async def story(pool: "AsyncConnectionPool[Any]") -> UUID | None:
        identities = Identities(pool, lambda: NOW)
        await identities.link(ISSUER, "typed", uuid4())
        found = await identities.person_of(ISSUER, "typed")
        await identities.unlink(ISSUER, "typed")
        return found

    assert isinstance(over(database, story), UUID)
