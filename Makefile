# Everything runs from here; a machine needs Python 3.11 or later, make and the package index.
PYTHON ?= python3
BIN := .venv/bin
unexport PYTHONDONTWRITEBYTECODE # the tests start the service a hundred times: it is compiled once

.PHONY: run test check browser soak bench clean

run: .venv/run ## install, start on the embedded database with the demonstration, print the address
	$(BIN)/ocop serve --demo

test: check browser ## install, lint, check types, run all tests; two workers, a file's tests on one of them
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=10

check: .venv/dev ## lint and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

browser: ## the system's Chromium for the tests of pages, where it may be installed; else those are skipped and say so
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null \
		|| { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium; } >/dev/null 2>&1 \
		|| echo "NO BROWSER: the tests of pages are skipped; install the package chromium"

soak: .venv/dev ## the same tests with larger numbers: crashes, two processes, fuzzing, a batch day, recheck, separation, as of, tampering
	OCOP_SOAK=1 $(BIN)/python -m pytest tests/test_crash.py tests/test_two_processes.py tests/test_fuzz.py \
		tests/test_batch_day.py tests/test_recheck.py tests/test_numbers.py tests/test_separation.py \
		tests/test_verifier.py tests/test_as_of.py tests/test_tampering.py

bench: .venv/dev ## the figures of docs/performance.md
	$(BIN)/python -m bench

.venv/run: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

.venv/dev: .venv/run requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

clean: ## remove what was installed and built; var/ (the database) stays
	rm -rf .venv *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
