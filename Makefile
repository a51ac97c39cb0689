# make demo    install what is missing into .venv, run the workflow on the bundled demo
# make test    install the same, run all tests that need no service
# make test-cluster    those in Slurm, Apptainer, conda and without a network; skipped where they cannot be had
# make test-browser    those of the pages, in a headless Chromium with axe-core; skipped where they cannot be had
# make check   seconds: lint, format, types, unit tests
# make lock    resolve envs/requirements.in again into envs/requirements.lock, envs/cpu.yaml, envs/gpu.yaml

SHELL := /bin/bash
VENV  := .venv
BIN   := $(VENV)/bin
CORES ?= all
TORCH := torch==2.13.0
READY := $(VENV)/ready
# Tests in a process for each core, a file in one; in the order of their names, which has the long ones first.
AT_ONCE := --dist loadfile --no-loadscope-reorder --maxprocesses 8 --numprocesses
# The newest Python of those that the lock was made for.
PYTHON ?= $(shell for p in python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null \
	&& { command -v $$p; break; }; done)
APT := $(shell command -v apt-get >/dev/null && { [ "$$(id -u)" = 0 ] && echo apt-get \
	|| { sudo -n true 2>/dev/null && echo sudo -n apt-get; }; })

.PHONY: demo test test-cluster test-browser check install lock

demo: install
	@$(BIN)/snakemake --cores $(CORES) --no-hooks; state=$$?; $(BIN)/python -m unburn status; exit $$state

test: install
	$(BIN)/python -m pytest $(AT_ONCE) logical tests

test-cluster: install
	$(BIN)/python -m pytest -rs tests/slurm tests/apptainer tests/conda tests/offline

test-browser: install
	tests/browser/install.sh
	UNBURN_LONG=1 $(BIN)/python -m pytest -rs tests/browser

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/mypy
	$(BIN)/python -m pytest $(AT_ONCE) logical tests/unit

install: $(READY)
	@command -v tesseract >/dev/null || { [ -n "$(APT)" ] \
		&& echo "installing tesseract-ocr (for the optional cross-check)" \
		&& $(APT) update -qq && $(APT) install -y -qq --no-install-recommends tesseract-ocr >/dev/null; } \
		|| echo "tesseract is missing and could not be installed: all works but the cross-check" \
			"(settings detect.tesseract, gate.reader: tesseract). Install the package tesseract-ocr for it."

# torch comes first and by version, with what it needs, as its build differs by machine (CPU, CUDA).
# All else comes from the lock with its hashes; --no-deps, as the lock is complete and leaves out
# opencv-python, whose GUI libraries servers lack (opencv-python-headless is the same library).
$(READY): envs/requirements.lock pyproject.toml
	@[ -n "$(PYTHON)" ] || { echo "unburn needs Python 3.11 or 3.12; none was found." \
		"Install one, or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { [ -n "$(APT)" ] && $(APT) update -qq \
		&& $(APT) install -y -qq --no-install-recommends python3-venv >/dev/null; } \
		|| { echo "$(PYTHON) cannot make virtual environments; install the package python3-venv"; exit 1; }
	[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check $(TORCH)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r envs/requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# Versions stay as they are where they can; all of them anew: make lock UPGRADE=--upgrade
# pip-tools is needed by the maintainer alone. opencv-python is taken out again: see above.
lock: install
	$(BIN)/pip install --quiet pip-tools
	cp envs/requirements.lock envs/requirements.lock.new
	$(BIN)/pip-compile --quiet $(UPGRADE) --generate-hashes --allow-unsafe --strip-extras --no-header \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
		--output-file envs/requirements.lock.new envs/requirements.in
	awk '/^opencv-python==/ {skip = 1; next} /^[a-zA-Z0-9]/ {skip = 0} !skip' \
		envs/requirements.lock.new > envs/requirements.lock
	rm envs/requirements.lock.new
	{ sed '/- torch==/q' envs/cpu.yaml; awk '/^[a-zA-Z0-9].*==/ && !/^rapidocr-onnxruntime==/ \
		{print "      - " $$1}' envs/requirements.lock; } > envs/cpu.yaml.new
	mv envs/cpu.yaml.new envs/cpu.yaml
	{ sed '/- torch==/q' envs/gpu.yaml; sed '1,/- torch==/d' envs/cpu.yaml; } > envs/gpu.yaml.new
	mv envs/gpu.yaml.new envs/gpu.yaml
