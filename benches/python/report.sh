#!/bin/sh
# usage: report.sh FIGURES PAGE PLOT
# Puts together what is in FIGURES, in a virtual environment of its own in FIGURES/venv: report.py says how. Needs Python 3.11
# or later with venv; PYTHON names another than python3.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
requirements=$here/requirements-report.txt
venv=$1/venv
if [ ! "$venv/complete" -nt "$requirements" ]; then
    echo "report: installing what $(basename "$requirements") names"
    rm -rf "$venv"
    "${PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
    touch "$venv/complete"
fi
exec "$venv/bin/python" "$here/report.py" "$@"
