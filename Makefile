# Voicepipe on one machine. `make help` lists the targets.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash
PYTHON ?= python3.11
DATA ?= .data
STACK := .venv/bin/python -m voicepipe_local
PACKAGES := $(wildcard libs/*/pyproject.toml migrations/pyproject.toml models/pyproject.toml services/*/pyproject.toml cli/pyproject.toml deploy/local/pyproject.toml)

.PHONY: help
help: ## show this
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{ printf "make %-9s %s\n", $$1, $$2 }'

.PHONY: venv
venv: .venv/.installed .venv-triton/.installed .venv-diarizer/.installed ## install everything (the other targets do it when needed)

.venv/.installed: requirements/services.txt $(PACKAGES)
	@PYTHON=$(PYTHON) deploy/local/install.sh services

.venv/.tests/.installed: requirements/tests.txt | .venv/.installed
	@deploy/local/install.sh tests

.venv-triton/.installed: requirements/triton.txt | .venv/.installed
	@PYTHON=$(PYTHON) deploy/local/install.sh triton

.venv-diarizer/.installed: requirements/diarizer.txt libs/wire/pyproject.toml services/diarizer/pyproject.toml | .venv/.installed
	@PYTHON=$(PYTHON) deploy/local/install.sh diarizer

.venv-peers/.installed: requirements/peers.txt | .venv/.installed
	@PYTHON=$(PYTHON) deploy/local/install.sh peers

.PHONY: up
up: venv ## start everything in the background; VOICEPIPE_MODELS names the speech models, AUTOSCALE=true lets them sleep
	@$(STACK) up --data $(DATA) $(if $(filter true,$(AUTOSCALE)),--autoscale)

.PHONY: ps
ps: venv ## show every component: state, health, version, address, memory
	@$(STACK) ps --data $(DATA)

.PHONY: down
down: venv ## stop everything and keep the data
	@$(STACK) down --data $(DATA)

.PHONY: purge
purge: venv ## stop everything and delete the data
	@$(STACK) purge --data $(DATA)

.PHONY: demo
demo: venv ## send a phone call through every service; print its transcript and how accurate it is
	@deploy/local/demo.sh

.PHONY: test
ifeq ($(origin T),command line)
test: venv .venv/.tests/.installed
ifneq ($(filter services/diarizer%,$(T)),)
	@cd services/diarizer && ../../.venv-diarizer/bin/python -m pytest $(or $(patsubst services/diarizer/%,%,$(filter services/diarizer/%,$(T))),tests)
else
	@.venv/bin/pytest $(T)
endif
else
test: check .venv/.tests/.installed ## check, then run every test on real servers; T=PATH runs one file or folder, without the check
	@.venv/bin/pytest --numprocesses 2 --no-loadscope-reorder -m "not cluster"
	@cd services/diarizer && ../../.venv-diarizer/bin/python -m pytest
endif

.PHONY: cluster
cluster: venv .venv/.tests/.installed ## run the tests that need a Kubernetes cluster: KUBECONFIG and IMAGE_LOADER name it
	@.venv/bin/pytest -m cluster

.PHONY: unit
unit: venv .venv/.tests/.installed ## run the tests that need no server: under a minute
	@.venv/bin/pytest --numprocesses 2 --no-loadscope-reorder --no-servers -m "not cluster"

.PHONY: check
check: venv ## lint, and check the contracts in proto/
	@deploy/local/check.sh

.PHONY: lint
lint: .venv/.installed ## ruff, formatting, mypy, import rules
	@deploy/local/check.sh lint

.PHONY: bench
bench: venv .venv-peers/.installed ## measure speed and memory, and print the table
	@.venv/bin/python -m tests.bench

.PHONY: accuracy
accuracy: venv .venv/.tests/.installed .venv-peers/.installed ## measure words, times and speakers; write docs/accuracy.md
	@.venv/bin/python -m tests.accuracy

.PHONY: images
images: ## build the container images and print their sizes; I="upload status" builds some (deploy/images/README.md)
	@$(PYTHON) deploy/images/build.py $(I)

.PHONY: proto
proto: venv ## generate the stubs of proto/
	@PYTHON=$(CURDIR)/.venv/bin/python proto/generate.sh

.PHONY: fmt
fmt: venv ## format the code and fix what ruff can fix
	@.venv/bin/ruff check --quiet --fix . ; .venv/bin/ruff format --quiet .

.PHONY: lock
lock: venv .venv/.tests/.installed .venv-peers/.installed ## write requirements/ from what is installed
	@deploy/local/lock.sh
