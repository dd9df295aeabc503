# Voicepipe on one machine. `make help` says what there is.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash
PYTHON ?= python3.11
DATA ?= .data
STACK := .venv/bin/python -m voicepipe_local
PACKAGES := $(wildcard libs/*/pyproject.toml migrations/pyproject.toml models/pyproject.toml services/*/pyproject.toml cli/pyproject.toml deploy/local/pyproject.toml)

.PHONY: help
help: ## show this
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{ printf "make %-8s %s\n", $$1, $$2 }'

.PHONY: venv
venv: .venv/.installed .venv-triton/.installed .venv-diarizer/.installed ## install everything (done by the others when needed)

.venv/.installed: constraints.txt $(PACKAGES)
	@PYTHON=$(PYTHON) deploy/local/install.sh services

.venv/.tests/.installed: constraints.txt | .venv/.installed
	@deploy/local/install.sh tests

.venv-triton/.installed: constraints.txt | .venv/.installed
	@PYTHON=$(PYTHON) deploy/local/install.sh triton

.venv-diarizer/.installed: constraints.txt libs/wire/pyproject.toml services/diarizer/pyproject.toml | .venv/.installed
	@PYTHON=$(PYTHON) deploy/local/install.sh diarizer

.venv-peers/.installed: constraints.txt | .venv/.installed
	@PYTHON=$(PYTHON) deploy/local/install.sh peers

.PHONY: up
up: venv ## start everything in the background; VOICEPIPE_MODELS names the speech models
	@$(STACK) up --data $(DATA)

.PHONY: ps
ps: venv ## show every part: state, health, version, address, memory
	@$(STACK) ps --data $(DATA)

.PHONY: down
down: venv ## stop everything and keep the data
	@$(STACK) down --data $(DATA)

.PHONY: purge
purge: venv ## stop everything and delete the data
	@$(STACK) purge --data $(DATA)

.PHONY: demo
demo: venv ## see a phone call go through every service, from nothing to its transcript and how right that is
	@deploy/local/demo.sh

.PHONY: test
test: check .venv/.tests/.installed ## check, then run every test, starting all that they need
	@.venv/bin/pytest --numprocesses 2 --no-loadscope-reorder
	@cd services/diarizer && ../../.venv-diarizer/bin/python -m pytest

.PHONY: check
check: venv ## ruff, mypy, import rules, contracts: all that can be known without running
	@deploy/local/check.sh

.PHONY: bench
bench: venv .venv-peers/.installed ## measure speed and memory, and print the table
	@.venv/bin/python -m tests.bench

.PHONY: accuracy
accuracy: venv .venv/.tests/.installed .venv-peers/.installed ## measure words, times and speakers, and write docs/accuracy.md
	@.venv/bin/python -m tests.accuracy

.PHONY: proto
proto: venv ## write the stubs of proto/ again
	@PYTHON=$(CURDIR)/.venv/bin/python proto/generate.sh

.PHONY: fmt
fmt: venv ## format the code and repair what ruff can
	@.venv/bin/ruff check --quiet --fix . ; .venv/bin/ruff format --quiet .

.PHONY: lock
lock: venv .venv-peers/.installed ## write constraints.txt from what is installed
	@deploy/local/lock.sh
