#!/bin/sh
# Runs the unit tests with other Pythons: tests/pythons.sh [PYTHON…] (default: python3.11, 3.12 and 3.13, those that are here).
# Each gets an environment of the pinned dependencies in build/pythons, which stays until these change.
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- python3.11 python3.12 python3.13

ran=0
for python; do
    if ! version=$("$python" -c 'import platform; print(platform.python_version())' 2>/dev/null); then
        echo "$python: not here" >&2
        continue
    fi
    venv=$PWD/build/pythons/$version
    if ! cmp -s requirements.txt "$venv/requirements.txt"; then
        rm -rf "$venv"
        "$python" -m venv "$venv"
        "$venv/bin/python" -m pip --disable-pip-version-check install -q --require-hashes -r requirements.txt
        cp requirements.txt "$venv/requirements.txt"
    fi
    echo "== Python $version"
    PATH=$venv/bin:$PATH PYTHONPATH=$PWD "$venv/bin/python" -m pytest tests/unit -q -n 2 -p no:cacheprovider
    ran=$((ran + 1))
done
[ "$ran" -gt 0 ] || { echo "none of $* is here" >&2; exit 30; }
