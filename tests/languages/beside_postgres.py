"""Runs a command while a PostgreSQL server of its own is there, with a database for each language:

beside_postgres.py COMMAND...

The command finds it in RUNESTORE_TEST_POSTGRES, which names the server; a language's database has the language's name.
"""

import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "examples" / "flights"))

from postgres_server import Server  # noqa: E402

with Server() as server:
    for language in sorted(folder.name for folder in (PROJECT / "bindings").iterdir()):
        server.sql(f"CREATE DATABASE {language}")
    os.environ["RUNESTORE_TEST_POSTGRES"] = f"postgresql://postgres@localhost:{server.port}"
    status = subprocess.run(sys.argv[1:]).returncode
sys.exit(status)
