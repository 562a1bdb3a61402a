# `make` alone lists the commands. All of them work in .venv, which the first one makes.

PYTHON           ?= python3
LAB_FLAGS        ?=
TEST_FLAGS       ?=
EXHAUSTIVE_FLAGS ?=
MATRIX_FLAGS     ?=
PYTHONS          ?=
GPU_FLAGS        ?=

LESSON = lessons/00_start_here.ipynb
VENV   = .venv
RUN    = $(VENV)/bin/python
# A worker on every core, four at most: each takes a gigabyte or so. TEST_FLAGS="-n 0" runs all in one process.
SIDE_BY_SIDE = -n logical --maxprocesses 4 --dist worksteal
# -qq: errors only. Nothing is installed but what constraints.txt pins, and simfp itself from this folder.
INSTALL = $(RUN) -m pip --disable-pip-version-check install -qq --no-build-isolation -c constraints.txt

# An environment knows its own path: where the folder was moved, or the Python below is gone, it is made anew.
ifneq ($(shell test -x $(RUN) && cat $(VENV)/ready-lessons 2>/dev/null),$(CURDIR))
.PHONY: $(VENV)/ready-lessons
endif

.PHONY: help setup lab test test-all test-matrix check lessons browser bench exhaustive gpu images clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 20

setup: $(VENV)/ready-lessons  ## make .venv with what the lessons need, and nothing else

lab: $(VENV)/ready-lessons  ## open the course in JupyterLab, at its first lesson
	@echo "Starting JupyterLab on this machine only (127.0.0.1), behind a token. Ctrl-C, twice, ends it."
	@JUPYTER_CONFIG_PATH="$(CURDIR)/.jupyter" JUPYTER_CONFIG_DIR="$(CURDIR)/.lab" JUPYTER_DATA_DIR="$(CURDIR)/.lab" \
	PYDEVD_DISABLE_FILE_VALIDATION=1 \
	$(RUN) -m jupyterlab --Application.log_level=WARN --ServerApp.ip=127.0.0.1 --ServerApp.root_dir="$(CURDIR)" \
	    --LabApp.default_url=/lab/tree/$(LESSON) $$(test "$$(id -u)" != 0 || echo --allow-root) $(LAB_FLAGS)

test: $(VENV)/ready-test  ## run the tests, the lessons and the browser included; none needs a GPU
	$(RUN) -m pytest $(SIDE_BY_SIDE) --without-long $(TEST_FLAGS)

test-all: $(VENV)/ready-test  ## the same, and the long ones, which repeat others in another way
	$(RUN) -m pytest $(SIDE_BY_SIDE) $(TEST_FLAGS)

test-matrix: $(VENV)/ready-test  ## those that could differ, under other processors' kernels: an hour or two; it resumes
	$(RUN) -m tests.matrix --pythons "$(PYTHONS)" $(MATRIX_FLAGS)

check: $(VENV)/ready-test  ## formatting, lint and types
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy

lessons: $(VENV)/ready-test  ## run every lesson and its solutions
	$(RUN) -m pytest $(SIDE_BY_SIDE) -m lessons $(TEST_FLAGS)

browser: $(VENV)/ready-test  ## drive the lessons and their sliders in Chromium
	$(RUN) -m pytest $(SIDE_BY_SIDE) -m browser $(TEST_FLAGS)

bench: $(VENV)/ready-bench  ## speed and memory beside NumPy, ml_dtypes, torch and pychop
	$(RUN) -m benchmarks
	$(RUN) -m benchmarks.slider

exhaustive: $(VENV)/ready-test  ## all 2^32 inputs and pairs against independent answers: hours; it resumes
	$(RUN) -m tests.exhaustive $(EXHAUSTIVE_FLAGS)

gpu: $(VENV)/ready-test  ## hold what this machine's GPU answers (CUDA) against simfp, every bit
	$(RUN) -m simfp.gpu validate --report report.json $(GPU_FLAGS)

images: $(VENV)/ready-test  ## take the pictures of the lessons and of the README anew
	$(RUN) -m simfp.course.authoring.pictures
	$(RUN) -m tests.browser.pictures

clean:  ## remove .venv, caches and JupyterLab's own folder; lessons and progress stay
	rm -rf $(VENV) .matrix .fuzz .lab build .pytest_cache .mypy_cache .ruff_cache .hypothesis simfp.egg-info
	find simfp tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# Each stage writes its stamp last; without the first one the next run starts over, from an empty folder.
$(VENV)/ready-lessons: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "simfp needs Python 3.11 or newer, but $(PYTHON) is: $$($(PYTHON) --version 2>&1 | head -1)"; \
	    echo "Name another one: make PYTHON=python3.12 $(or $(MAKECMDGOALS),setup)"; exit 1; } >&2
	@test ! -e $(VENV) || test -e $(VENV)/made-by-make || { \
	    echo "$(VENV) is there already, and not of make's making: move it away first"; exit 1; } >&2
	@echo "Setting up, once: a minute or two, 650 MB, all of it in $(VENV)"
	@trap 'test -e $@ || rm -rf $(VENV)' EXIT; trap 'exit 1' INT TERM; set -e; \
	test -x $(RUN) && test "$$(cat $@ 2>/dev/null)" = "$(CURDIR)" || { rm -rf $(VENV); mkdir $(VENV); }; \
	touch $(VENV)/made-by-make; \
	echo "  1/3 $$($(PYTHON) --version)"; \
	test -x $(RUN) || $(PYTHON) -m venv $(VENV); \
	echo "  2/3 JupyterLab, Matplotlib, NumPy, Numba and simfp, in the versions of constraints.txt"; \
	$(INSTALL) setuptools; $(INSTALL) -e '.[lessons]'; \
	echo "  3/3 compiling simfp's loops"; \
	$(RUN) -c 'import matplotlib.pyplot; from simfp.experiments.training import Training; \
	    Training("mlp", "fp16 + scaler", steps=2, census=True).run()'; \
	printf %s "$(CURDIR)" > $@; echo "Ready."

$(VENV)/ready-test: $(VENV)/ready-lessons
	@echo "Setting up the tests, once: a minute or two, another 1.2 GB in .venv, most of it PyTorch"
	@$(INSTALL) -e '.[lessons,test]'
	@touch $@

$(VENV)/ready-bench: $(VENV)/ready-test
	@echo "Setting up the benchmarks, once"
	@$(INSTALL) -e '.[lessons,test,bench]'
	@touch $@
