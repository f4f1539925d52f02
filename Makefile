# The same commands for people and for CI. PYTHON: the interpreter to build .venv with.
# TORCH_INDEX: a package index with the torch wheels you want, such as one of CPU builds.
PYTHON ?= python3
TORCH_INDEX ?=
BIN := .venv/bin
INDEX := $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.PHONY: setup demo benchmark ablation check test test-all format
.DELETE_ON_ERROR:

setup: .venv/.ready

.venv/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python 3.11 or newer is needed: make setup PYTHON=python3.11')"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt $(INDEX) torch torchvision
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo,fast,search,serve,explain,scale,faces,word2vec,hf,clip,dev]'
	touch $@

demo: setup
	$(BIN)/emotionnet demo --overwrite

# About an hour on 2 cores; stop it whenever you like, the next call goes on. docs/benchmarks.md holds its page, then,
# from a marker on, that of the ablation: each target replaces its own.
benchmark: setup
	$(BIN)/emotionnet benchmark
	sed -n '/^<!-- ablation -->$$/,$$p' docs/benchmarks.md | cat runs/benchmark/benchmarks.md - > docs/.benchmarks.md
	mv docs/.benchmarks.md docs/benchmarks.md

# Some 40 minutes on 2 cores; as above. Without Debian's openclipart-png and openclipart-svg on the emoji alone.
ablation: setup
	$(BIN)/emotionnet benchmark src/emotionnet/experiments/ablation/stages/benchmark.json --out runs/ablation
	sed '/^<!-- ablation -->$$/,$$d' docs/benchmarks.md | cat - runs/ablation/benchmarks.md > docs/.benchmarks.md
	mv docs/.benchmarks.md docs/benchmarks.md

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell src tests docs README.md CHANGELOG.md CONTRIBUTING.md

# One thread in each of the two processes: with more they wait for each other, twice as long in all.
test: setup
	OMP_NUM_THREADS=1 $(BIN)/pytest -m "not slow" -n 2

# With the slow tests, and how much of the code all of them reach: that takes a third longer.
test-all: setup
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --cov --cov-report=term:skip-covered --cov-fail-under=90

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
