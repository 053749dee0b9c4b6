#!/bin/sh
# usage: test.sh BUILDDIR
# Builds the wheel and the source distribution, installs each into a fresh virtual environment of its
# own, and runs every test of the Python package against what was installed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
build=$(cd "$1" && pwd)
python=${PYTHON:-python3}
rm -rf "$build/dist" "$build/venv" "$build/venv-sdist" "$build/run"
mkdir -p "$build/run"

echo "python: wheel and source distribution"
PYTHON=$python sh "$here/package.sh" "$build/dist" "$build"
ls "$build/dist"

# A wheel exports its module and nothing else.
"$python" -m zipfile -e "$build"/dist/*.whl "$build/run/unpacked"
exported=$(nm -D --defined-only "$build"/run/unpacked/runestore/_native*.so | awk '{print $3}')
[ "$exported" = PyInit__native ] || { echo "the wheel exports more than its module: $exported"; exit 1; }

# One for all versions of Python and for older systems than this one; with the licences, and what is linked into it.
case $(basename "$build"/dist/*.whl) in
*-cp311-abi3-manylinux_2_*) ;;
*) echo "the wheel is not for all: $(basename "$build"/dist/*.whl)"; exit 1 ;;
esac
"$python" - "$build"/run/unpacked/*.dist-info <<'END'
import json, pathlib, sys

info = pathlib.Path(sys.argv[1])
for licence in "LICENSE-MIT", "LICENSE-APACHE":
    assert (info / "licenses" / licence).stat().st_size > 1000, licence
assert "\npyo3 " in (info / "licenses" / "NOTICE-THIRD-PARTY.txt").read_text()
# Its page is the package's, not the project's, which stands beside it in the source distribution.
assert "\n```python\nimport runestore\n" in (info / "METADATA").read_text()
[sbom] = info.glob("sboms/*.cyclonedx.json")
linked = {component["name"]: component for component in json.loads(sbom.read_text())["components"]}
assert {"runestore", "pyo3", "tokio-postgres", "rustls"} <= linked.keys(), sorted(linked)
unlicensed = [name for name, component in linked.items() if not component.get("licenses")]
assert not unlicensed, f"without a licence: {unlicensed}"
print(f"python: the wheel lists {len(linked)} components, each with its licence")
END

install() {
    "$python" -m venv "$build/$1"
    "$build/$1/bin/pip" install -q --disable-pip-version-check "$2"
    "$build/$1/bin/python" -m runestore --version
}
# From outside the source, so that what is tested is what was installed.
cd "$build/run"
# What is built from the source distribution only has to come about, so it is not optimised as a whole.
(
    export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
    install venv-sdist "$build"/dist/*.tar.gz
)
install venv "$build"/dist/*.whl
"$build/venv/bin/pip" install -q --disable-pip-version-check -r "$here/requirements-dev.txt"

in_venv="$build/venv/bin/python"
echo "python: tests"
"$in_venv" -m pytest -c "$here/pyproject.toml" --rootdir "$here" -p no:cacheprovider "$here/tests"
sh "$here/../../tests/languages/check.sh" python "$build/run/page.py" "$in_venv" "$build/run/page.py"
sh "$here/../../tests/languages/outcomes.sh" python "$in_venv" "$here/../../tests/languages/outcomes/outcomes.py"
echo "python: types"
"$in_venv" -m mypy.stubtest runestore
"$in_venv" -m mypy --config-file "$here/pyproject.toml" --cache-dir "$build/mypy" -p runestore
MYPYPATH="$here/../../examples/engines:$here/../../examples/flights" "$in_venv" -m mypy --config-file "$here/pyproject.toml" --cache-dir "$build/mypy" \
    "$here/tests"
# The examples and the scoreboard, with the libraries that they use.
"$build/venv/bin/pip" install -q --disable-pip-version-check -r "$here/../../examples/flights/requirements.txt" \
    -r "$here/../../benches/python/requirements.txt"
for folder in examples/engines examples/flights benches/python; do
    (cd "$here/../../$folder" &&
        "$in_venv" -m mypy --config-file "$here/pyproject.toml" --cache-dir "$build/mypy" ./*.py)
done
