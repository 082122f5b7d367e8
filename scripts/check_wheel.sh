#!/usr/bin/env bash
# Build a wheel from the sdist, install it in a fresh environment elsewhere, and run the demo and the web app there.
# Usage: scripts/check_wheel.sh FOLDER      (a new folder)
set -euo pipefail

folder=$1
mkdir -p "$folder"
git clone --quiet . "$folder/source"  # a build makes node_modules anew, which somebody may be using here
python3 -m venv "$folder/tools"
"$folder/tools/bin/pip" install --quiet build
"$folder/tools/bin/python" -m build --quiet --outdir "$folder/dist" "$folder/source"
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --upgrade pip
wheel=$(ls "$folder"/dist/*.whl)
"$folder/venv/bin/pip" install --quiet "$wheel[demo]"
cd "$folder"
venv/bin/curator doctor
venv/bin/curator demo islands

# Nothing but the environment on PATH, and no Node in it: that the app works shows that it came built.
if [ -e venv/bin/node ]; then echo "error: a user's environment has got Node" >&2; exit 1; fi
PATH="$PWD/venv/bin" venv/bin/curator --project islands serve --port 0 > address &
server=$!
trap 'kill $server' EXIT
for _ in $(seq 100); do grep -q http address && break; sleep 0.2; done
venv/bin/python - "$(head -n 1 address)" <<'PYTHON'
import re, sys
from urllib.request import urlopen

home = sys.argv[1].rstrip("/") + "/"
page = urlopen(home).read().decode()
scripts = re.findall(r'src="\./(assets/[^"]+\.js)"', page)
assert scripts, f"the page at {home} has no script: {page[:300]}"
for script in scripts:
    answer = urlopen(home + script)
    assert "javascript" in answer.headers["content-type"] and len(answer.read()) > 1000, script
print(f"the web app is there: {', '.join(scripts)}")
PYTHON
