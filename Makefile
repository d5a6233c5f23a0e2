# make demo     bring up the whole console with a database of its own (PORT=8000 SESSIONS=40)
# make test     everything that CI runs, browser tests included; installs what it needs
# make test-quick  some tests of each file in two minutes, none with a browser or processes (TESTS=tests)
# make check    linters, formats, types, layers, Django's checks
# make bench    figures side by side (ROUNDS=5 NUMBER=100000 ONLY=pacing), also as JSON in bench-results/
# make torture  sends while all fails: FAULTS=200 DELIVERIES=20000 MINUTES=25, SEED=n for one again;
#               PSDK=1: a Chat Server is reached through Java
# make simulate the engine on a virtual clock, with faults at every step: HOURS=1000, SEED=n for one
#               again; PLANTED=all: whether it finds mistakes that are planted
# make scale    fill a database, which has a send already, with years of sends and their ledger: SIZE=1000000
# make drill    a backup of a large database, and the way back from it: DELIVERIES=100000
# make fuzz     hostile calls and forms, more of them than `make test` has time for: EXAMPLES=100
# make board    the board in a browser for longer, while chats move: BOARD_SECONDS=300 BOARD_CHATS=300 BOARD_SENDS=20
# make pictures take the pictures in docs/images anew (PICTURES="board editor" for some of them)
# make format   put the code into the house's form
# make install  the virtual environment alone

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := demo

PORT ?= 8000
SESSIONS ?= 40
# Another interpreter: make demo PYTHON=python3.12
PYTHON ?= python3

VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv)

ifeq ($(UV),)
PIP_INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check
MAKE_VENV = $(PYTHON) -m venv $(VENV)
else
PIP_INSTALL = $(UV) pip install --quiet --compile-bytecode --python $(BIN)/python
MAKE_VENV = $(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
endif

.PHONY: demo test test-quick check bench torture simulate scale drill fuzz board pictures format install install-dev

# A production site's settings in this shell are none of the demo's; CONSOLE_DATA may be.
demo: install
	@data=$${CONSOLE_DATA:-}; unset CONSOLE_DATA; left="$${!CONSOLE_@}$${DATABASE_URL:+ DATABASE_URL}"; \
	[[ -z $$left ]] || echo "Not used, since the demo has settings of its own: $$left."; \
	unset "$${!CONSOLE_@}" DATABASE_URL; \
	CONSOLE_DATA=$$data CONSOLE_EMBEDDED=1 $(BIN)/python manage.py demo --port $(PORT) --sessions $(SESSIONS)

test: install-dev
	@PATH="$(CURDIR)/$(BIN):$$PATH" .ci/install-chromium
	@.ci/install-interpreters
	@.ci/install-nginx
	@.ci/install-pgbouncer
	@.ci/install-promtool
	@.ci/install-go
	@.ci/test

TESTS ?= tests
test-quick: install-dev
	@.ci/test-quick $(TESTS)

check: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/djangofmt --check templates
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Containerfile
	CONSOLE_EMBEDDED=1 $(BIN)/python manage.py check
	CONSOLE_EMBEDDED=1 $(BIN)/python manage.py makemigrations --check --dry-run

PICTURES ?=
pictures: install-dev
	@PATH="$(CURDIR)/$(BIN):$$PATH" .ci/install-chromium
	@CONSOLE_EMBEDDED=1 PICTURES="$(PICTURES)" $(BIN)/python manage.py shell -v0 --no-imports \
	  -c "from tests.support import pictures; pictures.take()"

ROUNDS ?= 5
NUMBER ?= 100000
# Some measures alone: make bench ONLY=client,pacing
ONLY ?=
# For how many seconds new chats come to a standing stage.
STANDING ?= 300
# How many deliveries the history has in which is searched.
HISTORY ?= 1000000
# Instead: the data folder of a demo that `make scale` has filled.
HISTORY_AT ?=
# For how many seconds a round of open boards lasts.
BOARDS ?= 60
# How many entries a long ledger has.
LEDGER ?= 1000000
bench: install-dev
	@$(BIN)/python -m tools.bench --rounds $(ROUNDS) --number $(NUMBER) \
		--standing-seconds $(STANDING) --history $(HISTORY) --board-seconds $(BOARDS) --ledger $(LEDGER) \
		$(if $(HISTORY_AT),--history-at $(HISTORY_AT)) $(if $(ONLY),--only $(ONLY))

FAULTS ?= 200
DELIVERIES ?= 20000
MINUTES ?= 25
SEED ?=
PSDK ?=
torture: install-dev
	@$(BIN)/python -m tools.torture --faults $(FAULTS) --deliveries $(DELIVERIES) \
		--minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) $(if $(PSDK),--psdk)

HOURS ?= 1000
PLANTED ?=
simulate: install-dev
	@$(BIN)/python -m tools.simulate --hours $(HOURS) $(if $(SEED),--seed $(SEED)) \
		$(if $(PLANTED),--planted $(PLANTED))

# Into the database that the settings name: SIZE=10000000 deliveries of three years.
SIZE ?= 1000000
scale: install-dev
	@$(BIN)/python -m tools.scale --size $(SIZE)

drill: install-dev
	@$(BIN)/python -m tools.drill $(if $(filter command line,$(origin DELIVERIES)),--deliveries $(DELIVERIES))

# More, and every call as thoroughly as can be; one run again: SEED=n
EXAMPLES ?= 100
fuzz: install-dev
	@FUZZ_EXAMPLES=$(EXAMPLES) FUZZ_THOROUGH=0 FUZZ_SEED=$(or $(SEED),0) .ci/fuzz

# At each of two widths for so many seconds; then so many sends to 85 chats or more.
BOARD_SECONDS ?= 300
BOARD_CHATS ?= 300
BOARD_SENDS ?= 20
board: install-dev
	@PATH="$(CURDIR)/$(BIN):$$PATH" .ci/install-chromium
	@BOARD_SECONDS=$(BOARD_SECONDS) BOARD_CHATS=$(BOARD_CHATS) BOARD_SENDS=$(BOARD_SENDS) \
		$(BIN)/python -m pytest tests/pages/test_living_board.py -s

format: install-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/djangofmt templates

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev

# Stamps: nothing is installed again until its lock file changes.
$(VENV)/.installed: requirements.lock | $(BIN)/python
	@echo "Installing what the console needs into $(VENV) …"
	@$(PIP_INSTALL) --require-hashes -r requirements.lock
	@$(PIP_INSTALL) --no-deps -e .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock | $(VENV)/.installed
	@echo "Installing what its tests need into $(VENV) …"
	@$(PIP_INSTALL) --require-hashes -r requirements-dev.lock
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Notice Console needs Python 3.11 or newer; choose one with: make PYTHON=python3.12")'
	@$(MAKE_VENV)
