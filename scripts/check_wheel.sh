#!/usr/bin/env bash
# Build a wheel from the sdist, install it in a fresh environment elsewhere, and run the demo there.
# Usage: scripts/check_wheel.sh FOLDER      (a new folder; needs `make check` or `make test` to have run once)
set -euo pipefail

folder=$1
mkdir -p "$folder"
.venv/bin/python -m build --quiet --outdir "$folder/dist" .
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --upgrade pip
wheel=$(ls "$folder"/dist/*.whl)
"$folder/venv/bin/pip" install --quiet "$wheel[demo]"
cd "$folder"
venv/bin/curator doctor
venv/bin/curator demo islands
