"""Stores in PostgreSQL: addresses, several processes, copies into it, passwords. What holds with every engine is tested
with this one as well, wherever a test takes `store` or `make`."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from postgres_server import Server
from support import PATIENCE, ROOT, Threads, in_a_new_process, new, schemas, server, until
from test_file_processes import line, process

import runestore


def open_store(**options: Any) -> runestore.Store:
    return runestore.open(server().url, **{"schema": next(schemas), **options})


def test_a_database_keeps_several_stores_and_each_is_opened_again() -> None:
    one, other = next(schemas), 'a "name" of its own'
    config = {"store": "postgres", "store_opts": {"url": server().url, "schema": other}}
    with runestore.open(server().url, schema=one) as store, runestore.Store(config) as second:
        [event] = store.append(new({"n": 1}, tags=["vip"], metadata={"by": "me"}), expected_version=0)
        assert (event.sequence_number, event.stream_version, event.data) == (1, 1, {"n": 1})
        assert (store.head, second.head) == (1, 0)
        told = store.info()
        assert (told["engine"], told["events"], told["sync"], told["read_only"]) == ("postgres", 1, "on", False)
    with runestore.open(server().url, schema=one) as again:
        assert again.get_events({"tags": ["vip"]}) == [event]
        with pytest.raises(runestore.ConflictError) as caught:
            again.append(new(), expected_version=0)
        assert caught.value.details["actual"] == 1
        # A retry is answered and not stored.
        assert again.append(event) == [event] and again.head == 1
        with pytest.raises(runestore.DuplicateIdError):
            again.append(new({"n": 2}, id=event.id))
        with pytest.raises(runestore.UnsupportedError):
            again.verify()


def test_reading_only_writes_nothing() -> None:
    schema = next(schemas)
    for options in ({"read_only": True}, {"create": False}):
        with pytest.raises(runestore.NotFoundError, match=f"no store in schema `{schema}`"):
            runestore.open(server().url, schema=schema, **options)
    with runestore.open(server().url, schema=schema) as store:
        store.append(new())
        with runestore.open(server().url, schema=schema, read_only=True) as reader:
            assert reader.head == 1 and reader.info()["read_only"]
            with pytest.raises(runestore.ReadOnlyError):
                reader.append(new())


def test_options_that_cannot_be() -> None:
    for options, option in (({"schema": ""}, "schema"), ({"pool_size": 0}, "pool_size"), ({"shema": "a"}, "shema")):
        with pytest.raises(runestore.InvalidOptionsError) as caught:
            runestore.open(server().url, **options)
        assert caught.value.details["option"] == option
    with pytest.raises(runestore.InvalidOptionsError, match="verify-full"):
        runestore.open(server().url + "?sslmode=perhaps")
    with pytest.raises(runestore.IoError, match="server does not support TLS"):
        runestore.open(server().url + "?sslmode=require")


def test_all_that_comes_is_followed_in_pieces_and_while_others_write() -> None:
    schema, count = next(schemas), 3000
    write = f"""
import runestore
with runestore.open({server().url!r}, schema={schema!r}) as store:
    for n in range({count} // 100):
        store.append([{{"type": "T", "domain": "d", "instance_id": "i"}}] * 100)
"""
    with runestore.open(server().url, schema=schema) as store:
        subscription = store.subscribe(limit=2 * count)
        seen: list[int] = []
        reader = Threads(lambda: seen.extend(event.sequence_number for event in subscription))
        assert store.wait(0, 0) is None
        writers = Threads(lambda: in_a_new_process(write), lambda: in_a_new_process(write))
        assert store.wait(0, PATIENCE)
        writers.join()
        reader.join()
        assert seen == list(range(1, 2 * count + 1))
        # Each stream's versions are gapless as well, whoever wrote.
        assert [event.stream_version for event in store.events(direction="backward", limit=3)] == [6000, 5999, 5998]


def test_ctrl_c_ends_an_iteration_that_waits_for_another_process() -> None:
    schema = next(schemas)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with runestore.open(server().url, schema=schema) as store:
            [event] = store.append(new())
            subscription = store.subscribe()
            seen = []

            def interrupt() -> None:
                until(lambda: subscription.position == 1)
                os.kill(os.getpid(), signal.SIGINT)

            thread = Threads(interrupt)
            with pytest.raises(KeyboardInterrupt):
                for event in subscription:
                    seen.append(event.sequence_number)
            thread.join()
            in_a_new_process(
                f"import runestore; runestore.open({server().url!r}, schema={schema!r}).append({new()!r})",
            )
            assert [*seen, next(subscription).sequence_number] == [1, 2]
    finally:
        signal.signal(signal.SIGINT, before)


def test_decisions_of_several_processes_hold() -> None:
    schema, each = next(schemas), 40
    decide = f"""
import runestore
conflicts = 0
with runestore.open({server().url!r}, schema={schema!r}) as store:
    for n in range({each}):
        while True:
            version = store.get_page({{"domain": "account", "instance_id": "a-1"}}, limit=1).pagination.total_count
            try:
                store.append({new()!r}, expected_version=version)
                break
            except runestore.ConflictError:
                conflicts += 1
print(conflicts)
"""
    told: list[int] = []
    threads = Threads(*[lambda: told.append(int(in_a_new_process(decide)))] * 3)
    threads.join()
    with runestore.open(server().url, schema=schema) as store:
        assert store.head == 3 * each and sum(told) > 0
        assert [event.stream_version for event in store.events()] == list(range(1, 3 * each + 1))


COPY = """
import runestore, sys
with runestore.open(sys.argv[2], schema=sys.argv[3]) as target:
    runestore.copy(sys.argv[1], target, lambda done, total: print(done, flush=True))
"""


def test_a_copy_that_is_killed_half_way_is_gone_on_with(tmp_path: Path) -> None:
    schema, total = next(schemas), 60_000
    path = tmp_path / "source.runes"
    with runestore.open(path, sync="never") as source, runestore.open() as back:
        source.append([new({"n": n}, instance_id=f"a-{n % 700}") for n in range(total)], tracking={"source": "s", "position": 7})
        with process(COPY, path, server().url, schema) as copier:
            while int(line(copier)) < total / 2:
                pass
            copier.kill()
            assert copier.wait() == -signal.SIGKILL
        with runestore.open(server().url, schema=schema) as target:
            there = target.head
            assert total / 2 <= there and target.tracking("s") == 0
            copied = runestore.copy(path, target)
            # What was on its way when it was killed may have come in since.
            assert copied["events"] == total and copied["copied"] <= total - there
            assert runestore.copy(target, back) == {"copied": total, "events": total, "head": total}
            assert (target.tracking("s"), back.tracking("s")) == (7, 7)
        hashes = {hashlib.sha256(store.get_events_json(format="ndjson")).digest() for store in (source, back)}
        assert len(hashes) == 1


def test_copies_from_and_to_addresses() -> None:
    url = server().url
    server().sql("CREATE DATABASE other")
    other = url.removesuffix("postgres") + "other"
    with pytest.raises(runestore.NotFoundError):
        # A source is only read: nothing is made where there is none.
        runestore.copy(other, url)
    with runestore.open(url) as store:
        store.append([new(), new()])
    for copied in (2, 0):
        assert runestore.copy(url, other) == {"copied": copied, "events": 2, "head": 2}
    with runestore.open(url, read_only=True) as source, runestore.open(other, read_only=True) as target:
        assert source.get_events() == target.get_events()


def test_a_password_is_asked_for_and_never_told() -> None:
    secret = "s3cr%40t"
    server().sql("CREATE ROLE locked LOGIN PASSWORD 's3cr@t'; CREATE SCHEMA locked AUTHORIZATION locked")
    with runestore.open(server().url_of(f"locked:{secret}"), schema="locked") as store:
        assert store.append(new())[0].sequence_number == 1
    wrong = [
        (server().url_of("locked:wr0ng"), "password authentication failed for user \"locked\" (SQLSTATE 28P01)"),
        (server().url_of("locked"), "password missing"),
        (server().url_of("locked:wr0ng").removesuffix("postgres") + "nowhere", "localhost"),
        (server().url_of("locked:wr0ng") + "?wrong=1", "`url` is no PostgreSQL URL"),
        (server().url_of("locked:wr0ng") + "?sslmode=require", "TLS"),
        ("postgresql://locked:wr0ng@localhost:1/postgres", "Connection refused"),
    ]
    for url, words in wrong:
        with pytest.raises(runestore.StoreError) as caught:
            runestore.open(url, schema="locked")
        told = f"{caught.value} {caught.value.details} {caught.value!r}"
        assert words in told and "wr0ng" not in told
    with runestore.open(server().url_of(f"locked:{secret}"), schema="locked") as store:
        assert not re.search("s3cr(@|%40)t", f"{store.info()} {store!r}")
        with pytest.raises(runestore.IoError) as denied:
            # The role may make no schema.
            runestore.open(server().url_of(f"locked:{secret}"), schema="mine")
        assert "permission denied" in str(denied.value) and denied.value.details["sqlstate"] == "42501"


def test_a_connection_that_is_ended_is_made_again() -> None:
    with open_store() as store:
        store.append(new())
        count = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'runestore'"
        assert int(server().sql(count)) >= 1
        assert store.append(new())[0].sequence_number == 2
        assert int(server().sql(count)) >= 1
        assert len(store.get_events()) == 2


def test_closing_lets_go_of_every_connection() -> None:
    count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'closing'"
    with runestore.open(server().url + "?application_name=closing", schema=next(schemas), pool_size=3) as store:
        store.append([new() for _ in range(3000)])
        followers = [store.subscribe() for _ in range(6)]
        threads = Threads(*[lambda each=each: [next(each) for _ in range(3000)] for each in followers])
        threads.join()
        assert 2 <= int(server().sql(count)) <= 4
    until(lambda: server().sql(count) == "0")


def test_a_forked_child_leaves_its_parents_connections_alone() -> None:
    with open_store() as store:
        store.append(new())
        child = os.fork()
        if child == 0:
            try:
                store.append(new())
            except runestore.ForkedError:
                os._exit(7)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert store.append(new())[0].sequence_number == 2 == len(store.get_events())


def test_the_example_moves_a_store_and_cleans_up(tmp_path: Path) -> None:
    batch = [{"type": "departed", "domain": "UA", "instance_id": f"N{n}", "data": {"flight": n}} for n in range(1000)]
    (tmp_path / "events.jsonl").write_text(f"{json.dumps(batch)}\n" * 50)
    command = [sys.executable, "-W", "error", str(ROOT / "examples" / "flights" / "move.py"), str(tmp_path), "40000"]
    environment = {**os.environ, "POSTGRES_URL": server().url}
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=environment)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert re.search(r"Moved: 40,000 events, four exports, one SHA-256: [0-9a-f]{64}\n\Z", done.stdout)
    assert server().sql("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'move%'") == "0"
    # The same number again, from what was left behind.
    with runestore.open(tmp_path / "move-2.runes", read_only=True) as store:
        export = store.get_events_json(format="ndjson")
    assert hashlib.sha256(export).hexdigest() in done.stdout
    too_few = subprocess.run([*command[:-1], "5000"], capture_output=True, text=True, timeout=PATIENCE, env=environment)
    assert too_few.returncode == 1 and "5,000 events are too few" in too_few.stderr


def test_a_server_goes_away_with_the_process_that_started_it() -> None:
    program = f"""
import sys
sys.path.insert(0, {str(ROOT / "examples" / "flights")!r})
from postgres_server import Server
server = Server()
print(server.home, server.sql("SELECT pg_postmaster_start_time() IS NOT NULL"), flush=True)
sys.stdin.read()
"""
    with process(program) as started:
        home, answer = line(started).split()
        pid = int((Path(home) / "data" / "postmaster.pid").read_text().splitlines()[0])
        assert answer == "t" and Path(f"/proc/{pid}").exists()
        started.kill()
    until(lambda: not Path(home).exists() and not Path(f"/proc/{pid}").exists())


def test_without_postgresql_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "glob", lambda *_: iter(()))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("PG_BIN", raising=False)
    with pytest.raises(RuntimeError, match="install Debian's postgresql"):
        Server()
