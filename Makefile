# Every target sets up what it needs in .venv and web/node_modules; nothing else is done by hand.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

.PHONY: demo test test-python test-web test-integrations chaos faults pids mutants fuzz check check-python check-types check-style drift gen bench bench-quick dev paths sbom audit lock locked setup-demo setup-dev clean

demo: setup-demo          ## train a real small model and watch it in the console: make demo ARGS="--no-browser"
	@$(BIN)/gladius demo $(ARGS)

test: setup-dev test-web test-python   ## all tests

test-python:              ## a test that fails beside other work is tried once more, and named in the summary
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --reruns 1 -rR $(ARGS)

test-web:
	@$(BIN)/python scripts/bootstrap.py npm run --silent test

test-integrations: setup-dev  ## trainers with environments of their own (LLaMA-Factory), made when absent; not part of `make test`
	@$(BIN)/python scripts/bootstrap.py integrations $(ARGS)

chaos: setup-dev          ## SIGKILL server, supervisor and trainer at random moments: make chaos ARGS="--minutes 15 --seed 7"
	@$(BIN)/python tests/chaos $(ARGS)

faults: setup-dev         ## every errno at every open, write, fsync and rename of every file that is written
	@GLADIUS_FAULTS=1 $(BIN)/python -m pytest tests/faults $(ARGS)

pids: setup-dev           ## a thousand numbers of ended processes given to strangers, in a pid namespace: none of them is signalled
	@GLADIUS_PID_REUSES=1000 $(BIN)/python -m pytest -rs tests/supervise/test_reused_pids.py $(ARGS)

fuzz: setup-dev           ## each parser under atheris, half an hour each: make fuzz ARGS="--seconds 120 printed yaml"
	@$(BIN)/python tests/fuzz $(ARGS)

random: setup-dev         ## random steps and kills for commands, queue and flows under Hypothesis: make random EXAMPLES=200
	@GLADIUS_RANDOM_EXAMPLES=$(or $(EXAMPLES),50) GLADIUS_STEERING_EXAMPLES=$(or $(EXAMPLES),200) $(BIN)/python -m pytest -s $(ARGS) \
		tests/launch/test_random_orders.py tests/flow/test_random_queues.py tests/flow/test_random_flows.py tests/flow/test_random_steering.py

schema: setup-dev         ## every operation of the API asked rightly and wrongly by schemathesis: make schema EXAMPLES=100 SEED=5
	@GLADIUS_SCHEMA_EXAMPLES=$(or $(EXAMPLES),50) GLADIUS_SCHEMA_SEED=$(or $(SEED),20261123) \
		$(BIN)/python -m pytest $(ARGS) tests/server/test_the_api_description.py

mutants: setup-dev        ## take one guard after the other out of a copy, and see the test that is named for it fail
	@$(BIN)/python tests/mutants $(ARGS)

check: check-python check-types check-style audit  ## style, types, import rules, generated types; side by side with make -j3

check-python: drift
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

check-types check-style: drift
	@$(BIN)/python scripts/bootstrap.py npm run --silent $@

drift: setup-dev
	@$(BIN)/python scripts/bootstrap.py drift

gen: setup-dev            ## JSON Schemas and TypeScript types from the wire models
	@$(BIN)/python -m gladius.wire web/src/wire/schema.json
	@$(BIN)/python scripts/bootstrap.py npm run --silent gen

bench: setup-dev          ## the figures of docs/performance.md; ARGS=peers: only the table beside others (about 20 minutes)
	@$(BIN)/python -m bench $(ARGS)

bench-quick: setup-dev    ## Gladius beside the bare limits of this machine, in two minutes
	@$(BIN)/python -m bench quick

paths: setup-dev          ## each operation of the API with each of 596 names that want to lead out (about a minute)
	@GLADIUS_EVERY_PATH=1 $(BIN)/python -m pytest -s tests/server/test_paths_that_lead_out.py

audit: setup-dev          ## known weaknesses of what is shipped, where a database answers within three seconds
	@$(BIN)/python scripts/audit.py

sbom: setup-dev           ## what is installed and what the page is made of, as CycloneDX in dist/sbom.json
	@$(BIN)/python scripts/sbom.py dist/sbom.json

lock: setup-dev           ## requirements.lock anew: what the console needs, with hashes
	@$(BIN)/python scripts/lock.py write

locked: setup-dev         ## install the console from the lock alone, in an environment of its own
	@$(BIN)/python scripts/lock.py try

dev: setup-dev            ## server on port 8642 and the page with hot reload on 5173
	@$(BIN)/python scripts/bootstrap.py dev

setup-demo:
	@$(PYTHON) scripts/bootstrap.py setup demo

setup-dev:
	@$(PYTHON) scripts/bootstrap.py setup dev

clean:
	rm -rf .venv web/node_modules src/gladius/server/assets dist build
