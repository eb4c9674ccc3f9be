# Two commands for a machine with nothing but Python 3.11.4 to 3.13 and make.
# In an environment of your own, `dvc repro --pull` and `pytest` are all there is.
# With an NVIDIA GPU, `make repro GPU=1` trains all three studies on it, in an environment of its own.
# GPU=0, the processor, is the default.
PYTHON ?= python3
GPU ?=
ifneq ($(filter-out 0 1,$(GPU))$(word 2,$(GPU)),)
$(error GPU=$(GPU): expected 1, or 0 for the processor)
endif
ifneq ($(GPU),1)
VENV := .venv
LOCK := requirements.lock
else
ifeq ($(shell nvidia-smi -L 2>/dev/null | grep GPU),)
$(error GPU=$(GPU): no GPU, expected one that `nvidia-smi -L` lists; install NVIDIA's driver, or leave GPU=1 out)
endif
VENV := .venv-gpu
LOCK := requirements-gpu.lock
export KERAS_BACKEND ?= jax
endif
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: repro page test mend

repro: mend
	dvc repro --pull
ifeq ($(GPU),1)
	dvc repro --pull real/dvc.yaml
	dvc repro --pull paper/dvc.yaml
endif

# The page of the committed results, in half a minute and without training.
page: $(VENV)/installed
	@python -m replications page

# Repairs DVC's own files after a kill or a full disk; DVC would stop at a torn one.
mend: $(VENV)/installed
	@python -m replications mend

# One process more than cores: many tests wait for commands that they start. Those compile every module anew where
# PYTHONDONTWRITEBYTECODE is set, which takes as long as what most of them do.
test: $(VENV)/installed
	env -u PYTHONDONTWRITEBYTECODE pytest --numprocesses $$($(PYTHON) -c 'import os; print(1 + (os.cpu_count() or 1))') --dist worksteal

$(VENV)/installed: $(LOCK)
	@$(PYTHON) -c 'import sys; v = sys.version_info[:3]; sys.exit(None if (3, 11, 4) <= v < (3, 14) else \
	  "error: %s is Python %d.%d.%d, expected 3.11.4 to 3.13 (earlier ones write other bytes into archives); " \
	  "name another: make PYTHON=python3.12" % (sys.executable, *v))'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCK)
	@touch $@
