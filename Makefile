# One word a chore. Needs Python 3.11 to 3.13 with its venv module; uses uv where it is there.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
# Whoever waits at a terminal sees how it goes on.
QUIET := $(shell test -t 2 || echo --quiet)
# A file's tests share what is dear to make: TensorFlow, a server, features of a frozen network.
PYTEST := $(BIN)/python -m pytest --numprocesses 2 --dist loadfile

comma := ,
# $(call install,FOLDER,PYTHON,CONSTRAINTS,WHAT) makes the virtual environment where there is none, and installs into it.
define install
if command -v uv >/dev/null 2>&1; then \
	uv venv --quiet --allow-existing --python $(2) $(1) && \
	uv pip install $(QUIET) --python $(1)/bin/python --constraint $(3) --editable '$(4)'; \
else \
	$(2) -m venv $(1) && \
	$(1)/bin/python -m pip install $(QUIET) --disable-pip-version-check --constraint $(3) --editable '$(4)'; \
fi
endef
ours = $(call install,.venv,$(PYTHON),constraints.txt,$(1))

# Every lower bound of pyproject.toml holds with the oldest Python; what it leads to may be new.
OLDEST := .venv-oldest
OLDEST_PYTHON ?= python3.11
OLDEST_EXTRAS := bench dev docs postgres

.PHONY: run test test-fast oldest chaos hostile bench docs check format lint types setup clean

run: .venv/ready  ## set up what a search needs and search LeNet-5; more options in ARGS='--trials 5'
	$(BIN)/python -m search run --study lenet5 $(ARGS)

test: setup  ## set everything up and run the tests
	$(PYTEST)

test-fast: setup  ## leave out the tests on the real images, and those that take long: half of the time
	$(PYTEST) -m "not real and not slow"

oldest: $(OLDEST)/installed  ## install the oldest versions that pyproject.toml takes, beside .venv, and run a quick part of the tests on them
	$(OLDEST)/bin/python -m pytest -W default -m "not real and not slow" $(ARGS) tests/test_docs.py tests/test_user_interfaces.py tests/models tests/search tests/tracking tests/benchmarks

chaos: setup  ## kill, lock, cut off and damage whatever can be, for half an hour, and print what it has cost
	$(BIN)/python -m tests.faults.chaos $(ARGS)

hostile: setup  ## search under each of some twenty settings that others may have made, and print what differs
	$(BIN)/python -m tests.faults.hostile $(ARGS)

bench: .venv/benchmarks  ## measure what the search costs and gains, for about an hour; every script prints one table
	$(BIN)/python -m benchmarks.overhead
	$(BIN)/python -m benchmarks.throughput
	$(BIN)/python -m benchmarks.throughput --cases cnn1 cnn2 lenet5
	$(BIN)/python -m benchmarks.equality
	$(BIN)/python -m benchmarks.resnet50
	$(BIN)/python -m benchmarks.loop
	$(BIN)/python -m benchmarks.memory
	$(BIN)/python -m benchmarks.scale
	$(BIN)/python -m benchmarks.prediction
	$(BIN)/python -m benchmarks.time_to_quality

docs: setup  ## build the pages of docs as a site in site/; a link that leads nowhere ends it
	$(BIN)/python -m mkdocs build --quiet

check: lint types docs test  ## what has to pass before a change lands

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy

setup: .venv/installed

.venv/ready: pyproject.toml constraints.txt
	@echo "setting up .venv with what a search needs: 3 GB, most of it TensorFlow; one to ten minutes, this once"
	@$(call ours,.)
	@touch $@

.venv/installed: pyproject.toml constraints.txt
	@echo "setting up .venv with what a search and its tests need: 3.4 GB, one to ten minutes, this once"
	@$(call ours,.[dev$(comma)docs])
	@touch .venv/ready $@

.venv/benchmarks: .venv/installed
	@echo "adding what the benchmarks compare with: some minutes, this once"
	@$(call ours,.[bench$(comma)dev$(comma)docs])
	@touch $@

$(OLDEST)/installed: pyproject.toml tests/oldest.py
	$(OLDEST_PYTHON) tests/oldest.py $(OLDEST_EXTRAS) >$(OLDEST).txt
	@echo "setting up $(OLDEST) with the oldest versions that the project takes: 4 GB, one to ten minutes"
	@$(call install,$(OLDEST),$(OLDEST_PYTHON),$(OLDEST).txt,.[$(subst $( ) ,$(comma),$(OLDEST_EXTRAS))])
	@touch $@

clean:  ## remove what setup and the tests made, never what a search wrote
	rm -rf .venv .venv-oldest* site .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
