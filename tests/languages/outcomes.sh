#!/bin/sh
# usage: outcomes.sh LANGUAGE COMMAND...
# Whether COMMAND prints the outcomes that docs/LANGUAGES.md tells, of a store in files and, where RUNESTORE_TEST_POSTGRES names a
# server that has a database for the language, of one in PostgreSQL. The command finds in OUTCOMES_STORE where its store is to be.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
language=$1
shift
OUTCOMES_STORE=outcomes.runes sh "$here/compare.sh" outcomes "$@"
stores="in files"
if [ -n "${RUNESTORE_TEST_POSTGRES:-}" ]; then
    OUTCOMES_STORE=$RUNESTORE_TEST_POSTGRES/$language?sslmode=disable sh "$here/compare.sh" outcomes "$@"
    stores="$stores and in PostgreSQL"
fi
echo "$language: closing, threads and cancelling come to what docs/LANGUAGES.md says, $stores"
