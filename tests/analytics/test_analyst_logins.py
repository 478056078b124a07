"""partyline analysts: logins that are made, shown and taken away."""

import base64
import json
from pathlib import Path

import asyncpg
import pytest
from analysts_at_work import dsn_of, name_for, refusal
from analytics_program import partyline
from seeded_calls import OURS, THEIRS

from infra.postgres import Pool
from infra.scram import BadPassword, verifier
from projections.views import analysts
from projections.views.analysts import Refused


async def test_a_verifier_is_what_postgresql_makes_of_the_password(owner: Pool) -> None:
    name = name_for(OURS)
    await owner.execute(f"CREATE ROLE {name} PASSWORD 'correct horse battery'")
    stored = await owner.fetchval("SELECT rolpassword FROM pg_authid WHERE rolname = $1", name)
    await owner.execute(f"DROP ROLE {name}")
    salt = stored.removeprefix("SCRAM-SHA-256$4096:").partition("$")[0]
    assert verifier("correct horse battery", base64.b64decode(salt)) == stored


@pytest.mark.parametrize("password", ["", "naïve", "a\nb", "tab\t"])
def test_a_password_that_clients_would_send_in_several_ways_is_refused(password: str) -> None:
    with pytest.raises(BadPassword):
        verifier(password)


def listed(here: tuple[str, ...]) -> dict[str, str]:
    """Tenants by login, those of other tests among them."""
    told = json.loads(partyline("analysts", "list", "--json", *here).out)
    return {each["role"]: each["tenant"] for each in told}


async def test_a_login_is_added_listed_used_and_removed(copy: str, tmp_path: Path) -> None:
    name = name_for(THEIRS)
    secret = tmp_path / "password"
    secret.write_text("correct horse battery\n")
    here = ("--postgres", copy)
    added = partyline(
        *("analysts", "add", name, "--tenant", THEIRS, "--password-file", str(secret)), *here
    )
    assert added.code == 0, added.said
    assert f"psql 'postgresql://{name}@" in added.out.decode()
    assert "correct horse" not in added.out.decode() + added.said
    assert partyline("analysts", "add", name, *here).code == 1
    assert listed(here)[name] == THEIRS
    db = await asyncpg.connect(dsn_of(copy, name))
    assert await db.fetchval("SELECT array_agg(DISTINCT tenant) FROM v_calls") == [THEIRS]
    assert partyline("analysts", "remove", name, *here).code == 0
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await db.fetchval("SELECT count(*) FROM v_calls")
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
        await asyncpg.connect(dsn_of(copy, name))
    assert name not in listed(here)


async def test_a_password_is_made_where_none_is_given_and_shown_once(
    copy: str, owner: Pool
) -> None:
    name = name_for(OURS)
    said = partyline("analysts", "add", name, "--postgres", copy).out.decode()
    password = said.rpartition("shown this once: ")[2].strip()
    stored = await owner.fetchval("SELECT rolpassword FROM pg_authid WHERE rolname = $1", name)
    await analysts.remove(owner, name)
    assert len(password) >= 32
    salt = stored.removeprefix("SCRAM-SHA-256$4096:").partition("$")[0]
    assert verifier(password, base64.b64decode(salt)) == stored


def test_a_short_password_is_refused(seeded: str, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("secret\n")
    words = ("analysts", "add", "somebody", "--password-file", str(secret), "--postgres", seeded)
    done = partyline(*words)
    assert done.code == 1
    assert "12 characters at least" in done.said


async def test_who_may_not_create_roles_is_told_what_it_takes(copy: str) -> None:
    """And reads the views without that."""
    name = name_for(OURS)
    db = await asyncpg.connect(copy)
    await db.execute(f"CREATE ROLE {name} LOGIN")
    await db.execute(f"GRANT ALL ON analyst_tenants, views_made, reader TO {name}")
    pool = await asyncpg.create_pool(dsn_of(copy, name), min_size=0, max_size=1)
    with pytest.raises(Refused, match="CREATEROLE"):
        await analysts.add(pool, name_for(OURS), OURS, "a password")
    await pool.close()
    await db.execute(f"DROP OWNED BY {name}")
    await db.execute(f"DROP ROLE {name}")
    await db.close()


async def test_an_analyst_who_loses_the_row_of_the_tenant_keeps_nothing(
    owner: Pool, copy: str
) -> None:
    name = name_for(OURS)
    await analysts.add(owner, name, OURS, "a password")
    await owner.execute("DELETE FROM analyst_tenants WHERE role = $1", name)
    db = await asyncpg.connect(dsn_of(copy, name))
    assert await db.fetchval("SELECT count(*) FROM v_calls") == 0
    assert await refusal(db, "SELECT FROM calls") == "InsufficientPrivilegeError"
    await db.close()
    await owner.execute(f"DROP ROLE {name}")
