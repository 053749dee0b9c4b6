"""A PostgreSQL server of one's own, for a test or a demonstration, that goes away with the process that started it.

    with Server() as server:
        runestore.open(server.url)

Its programs are looked for in the folder that PG_BIN names, on the PATH, and where Debian has them. Run by root, it runs
as Debian's user postgres, since it refuses to be root. It is reached through the loopback alone.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from urllib.parse import unquote, urlsplit

# Runs until its input ends, which the death of this process is as well; then stops the server and removes its folder.
KEEPER = """
trap '' INT TERM HUP
cat >/dev/null
home=$1
shift
"$@" -m immediate -D "$home/data" stop >/dev/null 2>&1
rm -rf "$home"
"""


class Server:
    """A server with one superuser, `postgres`, whom it trusts.

    `settings` are lines of `postgresql.conf`, `rules` lines of `pg_hba.conf`, for other roles.
    """

    def __init__(self, settings: Sequence[str] = (), rules: Sequence[str] = ()) -> None:
        pg_ctl, initdb = _as_user("pg_ctl"), _as_user("initdb")
        # Where the user postgres may go, which need not hold for the folder of a checkout.
        self.home = Path(tempfile.mkdtemp(prefix="runestore-postgres-"))
        if os.geteuid() == 0:
            shutil.chown(self.home, "postgres")
        keeper = ["sh", "-c", KEEPER, "keeper", str(self.home), *pg_ctl]
        self._keeper = subprocess.Popen(
            keeper, cwd="/", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            data = self.home / "data"
            _run(*initdb, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync", "-D", data)
            with open(data / "postgresql.conf", "a") as file:
                file.writelines(f"{line}\n" for line in settings)
            hba = data / "pg_hba.conf"
            hba.write_text("".join(f"{line}\n" for line in rules) + hba.read_text())
            self.port = _free_port()
            options = f"-p {self.port} -c listen_addresses=localhost -c unix_socket_directories="
            log = self.home / "log"
            _run(*pg_ctl, "-w", "-t", "60", "-o", options, "-l", log, "-D", data, "start")
        except BaseException:
            self.stop()
            raise

    @property
    def url(self) -> str:
        """How a store in it is named."""
        return self.url_of("postgres")

    def url_of(self, user: str) -> str:
        """The same for another role: `user`, or `user:password`."""
        return f"postgresql://{user}@localhost:{self.port}/postgres"

    def sql(self, statement: str) -> str:
        """What `psql` prints for some SQL."""
        return psql(self.url, statement)

    def stop(self) -> None:
        """Ends it, and removes what it kept. Twice is fine."""
        assert self._keeper.stdin is not None
        self._keeper.stdin.close()
        self._keeper.wait()

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


def psql(url: str, statement: str) -> str:
    """What `psql` prints for some SQL. A password of the URL is not among its arguments, which every process can see."""
    address = urlsplit(url)
    host = address.netloc.rpartition("@")[2]
    user = address.netloc.rpartition("@")[0].partition(":")[0]
    shown = address._replace(netloc=f"{user}@{host}" if user else host).geturl()
    environment = dict(os.environ)
    if address.password is not None:
        environment["PGPASSWORD"] = unquote(address.password)
    command = [_program("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", shown, "-c", statement]
    return _run(*command, environment=environment)


def _as_user(name: str) -> list[str]:
    """The beginning of a command: a program of PostgreSQL, as the user whom the server is to run as."""
    own = [_program(name)]
    if os.geteuid() != 0:
        return own
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--", *own]


def _program(name: str) -> str:
    def version(folder: Path) -> int:
        return int(found.group()) if (found := re.search(r"\d+", folder.parent.name)) else 0

    named = [Path(os.environ["PG_BIN"]).resolve()] if "PG_BIN" in os.environ else []
    path = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=version, reverse=True)
    for folder in (*named, *path, *debian):
        # Where the server is: Debian has a psql of its own on the PATH.
        if (folder / "initdb").exists() and (folder / name).exists():
            return str(folder / name)
    raise RuntimeError(
        f"PostgreSQL is needed, and its {name} is not to be found: install Debian's postgresql (apt-get install postgresql), or name "
        "the folder of its programs in PG_BIN"
    )


def _free_port() -> int:
    with socket.create_server(("localhost", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _run(*command: str | Path, environment: dict[str, str] | None = None) -> str:
    """What a program printed, which must end well."""
    # Into a file: the server that pg_ctl leaves behind would hold on to a pipe.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            command, cwd="/", env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        output.seek(0)
        printed = output.read().rstrip()
    if done.returncode != 0:
        raise RuntimeError(f"{Path(command[0]).name} ended with {done.returncode}:\n{printed}")
    return printed
