PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: run test notebooks lint format types imports check clean

run: $(VENV)/.installed
	$(BIN)/computemarket run frontier_2024 --seed 1 --out out/frontier_2024
	@rm -rf out/frontier_ensemble
	$(BIN)/computemarket sweep frontier_ensemble --out out/frontier_ensemble

# -P keeps the root's own module names (scenario, model, ...) off the import path.
# Stolen work comes in stretches of neighbours, so that what a file of tests shares is made once.
test: $(VENV)/.installed
	$(BIN)/python -P -m pytest -n 2 --dist worksteal

notebooks: $(VENV)/.installed
	$(BIN)/python -P -m pytest --nbmake --durations=0 notebooks

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.installed
	@mkdir -p $(VENV)/typing
	@ln -sfn "$(CURDIR)" $(VENV)/typing/computemarket
	MYPYPATH=$(VENV)/typing $(BIN)/python -P -m mypy -p computemarket

imports: $(VENV)/.installed
	$(BIN)/lint-imports

check: lint types imports test

clean:
	rm -rf $(VENV) build dist out *.egg-info .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "computemarket needs Python 3.11 or newer; $(PYTHON) is missing or older." \
	       "Try: make PYTHON=python3.12" >&2; exit 1; }
	@echo "Making $(VENV) and installing what is needed (about a minute)"
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.created pyproject.toml constraints.txt
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -e ".[dev]" -c constraints.txt
	@touch $@
