# The verbs of this project. `make run` and `make test` need Rust's toolchain on Debian or Ubuntu and
# nothing else; what else tests need, they install.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

DATA_DIR ?= data

.PHONY: help run test unit conformance lint fmt bench clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: build-tools ## Build Dolium and run it on four directories below ./data
	cargo build --release -p dolium
	./target/release/dolium serve --data-dir $(DATA_DIR)

test: build-tools lint unit conformance ## Run every test (installs what it needs)

unit: build-tools ## Run the tests of the crates
	scripts/nextest.sh

conformance: build-tools ## Drive the real binary with real clients, faults and crashes
	cargo build --locked -p dolium
	conformance/run.sh s3 swift pithos clients resilience membership mixed crash recovery memory notify raid several postgres providers

lint: build-tools ## Formatting, clippy without warnings, licences
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	scripts/deny.sh

fmt: ## Format everything
	cargo fmt --all

bench: build-tools ## Measure beside a peer; see bench/RESULTS.md
	bench/run.sh

clean: ## Remove what was built
	cargo clean
	rm -rf .cache

.PHONY: build-tools
build-tools:
	@scripts/build-tools.sh
