# make demo, make test, make lint: each sets up .venv on its first call and needs only Python >= 3.10 and make.
# PYTHON=/path/to/python chooses the interpreter that .venv is made with.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO := work_dirs/del_demo
DEMO_EPOCHS := 10

.DEFAULT_GOAL := help
.PHONY: help install demo test coverage chaos fuzz lint format wheel clean

help:
	@echo 'make demo     train and test the demo config, on demo data made on first use, and find the events of a clip:'
	@echo '              minutes on two cores; DEMO_EPOCHS=25 for the whole training'
	@echo 'make test     the whole test suite'
	@echo 'make coverage the same, and which lines it never runs: half as long again'
	@echo 'make fuzz     100,000 random cases for every reader of files and what computes with them: half an hour'
	@echo 'make chaos    end 200 short trainings at random moments, resume and compare them: minutes'
	@echo 'make lint     ruff and mypy'
	@echo 'make format   let ruff mend what it can'
	@echo 'make wheel    build dist/mmdel-*.whl'
	@echo 'make install  only set up $(VENV) (PYTHON=... chooses the interpreter)'
	@echo 'make clean    remove $(VENV) and the caches; demo data and work_dirs stay'
	@echo 'Without a GPU, PyTorch'\''s index of CPU wheels as PIP_EXTRA_INDEX_URL makes the install far smaller.'

install: $(STAMP)

# A new pip takes two thirds of an old one's time, and shows what setuptools warns of. It makes bytecode with one core,
# compileall with all, and here not of packages' tests.
$(STAMP): setup.cfg constraints.txt
	@python=$$(sh .ci/find_python '$(PYTHON)') && \
	echo "Setting up $(VENV) with $$python" && \
	{ "$$python" -m venv --clear $(VENV) || \
	{ echo 'Making $(VENV) failed; on Debian and Ubuntu the package python3-venv is needed.' >&2; exit 1; }; }
	$(BIN)/python -m pip install --quiet --no-compile --upgrade pip || true
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --no-compile -c constraints.txt -e '.[lite,dev]'
	$(BIN)/python -m compileall -qq -j 0 -x '/tests?/' $(VENV)/lib || true
	@touch $@

demo: $(STAMP)
	$(BIN)/mmdel train del_demo --amp --work-dir $(DEMO) --cfg-options train_cfg.max_epochs=$(DEMO_EPOCHS)
	$(BIN)/mmdel test del_demo "$$(cat $(DEMO)/last_checkpoint)" --work-dir $(DEMO) \
		--out $(DEMO)/events.json --show-dir $(DEMO)/timelines --interval 4
	$(BIN)/mmdel export $(DEMO) --out $(DEMO)/bundle --overwrite
	@echo
	@echo "Checkpoint        $$(cat $(DEMO)/last_checkpoint)"
	@echo 'Predicted events  $(DEMO)/events.json'
	@echo 'Timelines         $(DEMO)/timelines/*.png'
	@echo 'Logs              $(DEMO)/<time>/<time>.log'
	@echo
	$(BIN)/mmdel demo --model $(DEMO)/bundle --out $(DEMO)/clip --overwrite

fuzz: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python tools/fuzz.py

test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

coverage: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal --cov=mmdel

chaos: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python tools/chaos.py --kills 200

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheel: $(STAMP)
	$(BIN)/python -m build

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
