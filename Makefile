# `make demo` and `make test` do all the set-up they need; nothing is installed outside .venv.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo serve test check bench clean

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## a sample company, three systems, three users; Ctrl-C stops it
	@$(BIN)/remit demo $(ARGS)

serve: $(READY) ## the service over your own data (see docs/quickstart.md)
	@$(BIN)/remit serve $(ARGS)

# In their own order: the file that installs connectors takes minutes with few tests, and would be last.
test: $(READY) ## all tests, on two cores
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(READY) ## format, lint, types, rooms, migrations
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python .ci/schema_check.py

bench: $(READY) ## the benchmarks, as ratios
	@$(BIN)/python -m benchmarks $(ARGS)

clean: ## remove everything that was made here, the demo's data included
	rm -rf $(VENV) .remit build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

# Made anew only when the dependencies change.
$(READY): pyproject.toml
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
		echo "$(PYTHON) was not found. Remit needs Python 3.11 or 3.12: install it, or name yours," >&2; \
		echo "for example: make demo PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' || { \
		echo "$(PYTHON) is not Python 3.11 or 3.12. Name one that is: make demo PYTHON=..." >&2; exit 1; }
	@echo "Installing into $(VENV); the first time takes a few minutes."
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --prefer-binary -e '.[dev]'
	@touch $@
