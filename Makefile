# `make` lists what there is. All targets make what they need, from a fresh clone on: an environment in .venv from the
# lock files in requirements/ and, where they are needed, the function packages in build/local.

PYTHON ?= python3
VENV := .venv
VENV_SAM := .venv-sam
BIN := $(VENV)/bin

READY := $(VENV)/.ready
READY_SAM := $(VENV_SAM)/.ready
VENV_BENCHMARKS := .venv-benchmarks
READY_BENCHMARKS := $(VENV_BENCHMARKS)/.ready
VENV_PYRIGHT := .venv-pyright
READY_PYRIGHT := $(VENV_PYRIGHT)/.ready
VENV_DOCS := .venv-docs
READY_DOCS := $(VENV_DOCS)/.ready
LOCAL := build/local
# What libraries bring along, and the function has no use for.
LEFT_OUT := authorizer/cli/left_out.txt
# A lock is complete, so nothing is left to resolve; with hashes, pip would also trip over extras ("boto3[crt]").
FROM_LOCK := --no-deps --require-hashes --requirement
PIP_INSTALL := install -qq --disable-pip-version-check --no-input --no-compile
# $(call INTO,environment,what): uv needs two seconds for a lock, and pip half a minute of a processor, for it reads of each
# package all releases there ever were. Where no uv is to be had, or pip alone is told of an index, pip does it.
INTO = { [ -x $(BIN)/uv ] && $(BIN)/uv pip install --quiet --python $(1)/bin/python $(2); } \
	|| $(BIN)/python -m pip --python $(1)/bin/python $(PIP_INSTALL) $(2)

# Environments come without byte code: whatever is imported is compiled once, and kept. Else each of the hundreds of
# processes that the tests start would do it anew.
export PYTHONDONTWRITEBYTECODE :=

# What a package is built for is what the template deploys: Runtime and Architectures of its function. `authorizer local
# platform` reads them, as LAMBDA_PYTHON and LAMBDA_PLATFORM, and fails where only a deployment would decide.
BUILT_TEMPLATE ?= template.yaml

# What the packages are made of. Folders count too, so that a deleted module is noticed.
SOURCES := $(shell find authorizer handlers -name __pycache__ -prune -o \( -name '*.py' -o -type d \) -print 2>/dev/null) \
	policy.yaml template.yaml requirements/lambda.txt $(LEFT_OUT) Makefile

# Environments and packages are made by one make at a time in a checkout; a second one waits, and then finds them made.
# The lock is on an open file, so it cannot outlive its holder, however that ends.
LOCKED := mkdir -p build && exec 9>build/.lock && { \
	command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) not found: install Python 3.11 or newer, or say make PYTHON=/path/to/python3" >&2; exit 1; }; \
	} && { $(PYTHON) -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)' 2>/dev/null || { \
	echo "waiting for another make in this folder"; $(PYTHON) -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'; }; } &&

.DEFAULT_GOAL := help
.PHONY: help run serve invoke sam-invoke test test-covering test-runtime test-runtime-arguments check golden properties fuzz walks exactness benchmarks bench bench-cold bench-cold-of-both growth fleet screenshots lint types format package sam examples lock ci clean ready ready-sam ready-test ready-benchmarks ready-pyright ready-docs docs docs-links runtime sam-local python \
	event-named artifacts-dir build-AuthorizerFunction build-HelloFunction
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-print-directory

##@ Try it

help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@ / {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

run: ready ## play the API on this machine: users sign in and call every route; is each answer what it must be?
	@$(BIN)/authorizer local run

serve: ready ## the same, and then serve it with a playground in the browser, until Ctrl-C
	@$(BIN)/authorizer local serve

invoke: event-named package runtime ## EVENT=NAME: what the built function answers to a sample event; events/README.md has the names
	@$(BIN)/python tests/lambda_runtime.py $(EVENT) $(if $(TOKEN_FROM),--token-from $(TOKEN_FROM))

sam-invoke: event-named ready ready-sam ## EVENT=NAME: the same with `sam local invoke`, in a container
	@$(BIN)/python tests/sam_local.py engine "make $@" "make invoke EVENT=$(EVENT)"
	@$(MAKE) --silent sam-local
	@$(BIN)/python tests/sam_local.py invoke $(EVENT) $(if $(TOKEN_FROM),--token-from $(TOKEN_FROM))

# Before anything is built for it.
event-named:
	@[ -n "$(EVENT)" ] || { echo "expected the name of an event, such as EVENT=http-2.0-allowed; events/README.md has them all" >&2; exit 1; }

##@ Test

# Tests run side by side, by one worker more than there are processors: those of the local stack wait for it now and then.
# Groups (tests that share a stack) go to one worker, and first.
WORKERS ?= $$(($$(getconf _NPROCESSORS_ONLN) + 1))
SIDE_BY_SIDE = --numprocesses $(WORKERS) --dist loadgroup

# The runtime package's own tests reach all of it. To trace the others as well doubles their time, and shows nothing more.
COVERING_TESTS := tests/unit tests/attacks tests/handlers tests/backstop
test: ready ## all tests (seven minutes on two processors), with the runtime package's branch coverage at 100 %
	@$(MAKE) --silent -j2 test-covering ready-test
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(COVERING_TESTS:%=--ignore=%)

test-covering: ready
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) --cov --cov-fail-under=100 $(COVERING_TESTS)

RUNTIME_TESTS := $(COVERING_TESTS) tests/properties
test-runtime: ready ## only the tests of what runs in Lambda, such as on another Python
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(RUNTIME_TESTS)

test-runtime-arguments:
	@echo $(SIDE_BY_SIDE) $(RUNTIME_TESTS)

check: ready ## this project's own policy: does it fit the template, and do its tests pass?
	@$(BIN)/authorizer check policy.yaml --template template.yaml --strict
	@$(BIN)/authorizer test --template template.yaml --strict
	@mkdir -p build && $(BIN)/authorizer compile policy.yaml --template template.yaml --output build/policy.json

golden: ready ## keep what the commands print now as what they must print (tests/golden)
	@REWRITE_GOLDEN=1 $(BIN)/python -m pytest --quiet tests/cli/test_golden.py

##@ Test for longer, by chance

SECONDS ?= 600
properties: ready ## SECONDS=600: the property tests for so long, each round with another seed
	@$(BIN)/python tests/properties/run_for.py $(SECONDS) tests/properties \
		tests/cli/test_permissions_properties.py tests/cli/test_diff_properties.py tests/cli/test_explain_nearest.py \
		tests/cli/test_test_completeness.py

fuzz: ready ## SECONDS=600: arbitrary bytes as policy, template and tests for so long
	@$(BIN)/python tests/properties/run_for.py $(SECONDS) tests/cli/test_template_fuzz.py tests/cli/test_check_command.py \
		tests/cli/test_test_files.py tests/cli/test_explain_command.py tests/properties/test_policy.py \
		-k "bytes or never_breaks or mutat or wrong_shape or nothing_printed"

WALKS ?= 1000
walks: package ## WALKS=1000: so many random walks through each kind of API that remembers answers (half an hour)
	@WALKS=$(WALKS) $(BIN)/python -m pytest $(SIDE_BY_SIDE) tests/system/test_walks.py

##@ Measure, and write the figures into the pages

exactness: ready ## how many callers of made-up APIs have an exact IAM document, into docs/cached-answers.md
	@$(BIN)/python tests/exactness.py

# ROUNDS=3: fewer, to see that all is well.
FEWER = $(if $(ROUNDS),--rounds $(ROUNDS))
benchmarks: bench ## decisions beside other engines (five minutes), and tokens, into benchmarks/README.md
	@$(VENV_BENCHMARKS)/bin/python -m benchmarks $(FEWER) --readme benchmarks/README.md

# What the page's figures come to: written anew after whatever writes figures that it reads.
STANDING = $(VENV_BENCHMARKS)/bin/python -m benchmarks.standing --readme benchmarks/README.md --plot benchmarks/tokens.png
bench: ready-benchmarks ## tokens and whole events beside other libraries (half a minute), into benchmarks/README.md
	@$(VENV_BENCHMARKS)/bin/python -m benchmarks.tokens $(FEWER) --readme benchmarks/README.md
	@$(VENV_BENCHMARKS)/bin/python -m benchmarks.node_peers $(FEWER) --readme benchmarks/README.md
	@$(STANDING)

# Also on the Python that is deployed, where it can be had: of a root of Debian's, which is kept.
COLD_ROOT := build/debian
bench-cold: package runtime ready-benchmarks ## cold start, package and memory of the function, into benchmarks/README.md
	@platform=$$($(BIN)/authorizer local platform template.yaml AuthorizerFunction) && $(MAKE) --silent $$platform bench-cold-of-both

# Its package is the template's, but for the processor; the root's Python is the one that compiles it.
bench-cold-of-both:
	@if [ -e $(COLD_ROOT)/.complete ] || { echo "making a root with Python $(LAMBDA_PYTHON) in $(COLD_ROOT)"; rm -rf $(COLD_ROOT); \
			.ci/make-root $(COLD_ROOT) $(LAMBDA_PYTHON) && touch $(COLD_ROOT)/.complete; }; then \
		made=build/benchmarks/$(LAMBDA_PYTHON) && mkdir -p $$made/bin && case $$(uname -m) in aarch64) own=arm64;; *) own=x86_64;; esac \
		&& sed "s/Architectures: .*/Architectures: [$$own]/" template.yaml > $$made/template.yaml \
		&& printf '#!/bin/sh\nexec .ci/in-root $(COLD_ROOT) python3 "$$@"\n' > $$made/bin/python$(LAMBDA_PYTHON) \
		&& chmod +x $$made/bin/python$(LAMBDA_PYTHON) \
		&& PATH=$$PWD/$$made/bin:$$PATH $(call PACKAGE_AUTHORIZER,--template $$made/template.yaml --output $$made/ours) || exit 1; \
		root="--root $(LAMBDA_PYTHON) $(COLD_ROOT)"; \
	fi; $(VENV_BENCHMARKS)/bin/python -m benchmarks.cold $$root $(FEWER) --readme benchmarks/README.md \
		&& $(VENV_BENCHMARKS)/bin/python -m benchmarks.handler --readme benchmarks/README.md && $(STANDING)

# FREE_THREADED=PYTHON: such an interpreter, or several, for the eight threads; with python-jose and cachetools.
growth: ready-benchmarks ## what grows with rules, pools and tokens, eight threads, and a million tokens, into benchmarks/
	@$(VENV_BENCHMARKS)/bin/python -m benchmarks.growth $(FEWER) --readme benchmarks/README.md \
		--plot benchmarks/growth.png $(FREE_THREADED:%=--free-threaded %)
	@$(STANDING)

fleet: ready-benchmarks ## how often ten thousand containers ask for keys, simulated, into docs/scale.md
	@$(VENV_BENCHMARKS)/bin/python -m benchmarks.fleet --page docs/scale.md

##@ Write and build

screenshots: package ## pictures of the pages, into docs/images/
	@$(BIN)/python tests/screenshots.py

lint: ready ## ruff: rules and format
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

types: ready ready-pyright ## mypy and pyright, strict; pyright looks at tests/consumer, a project that uses this one
	@$(BIN)/mypy
	@$(VENV_PYRIGHT)/bin/basedpyright --project tests/consumer --pythonpath $(BIN)/python

# Links and anchors that lead nowhere are errors. Pages of before are not kept: one that is gone could still be linked to.
docs: ready-docs ## a site of the pages, into build/docs
	@$(VENV_DOCS)/bin/sphinx-build --quiet --fail-on-warning --keep-going --fresh-env --jobs 2 --conf-dir docs/site . build/docs
	@echo "build/docs/index.html"

docs-links: ready-docs ## whether the pages that ours link to on the web are there
	@$(VENV_DOCS)/bin/sphinx-build --quiet --builder linkcheck --conf-dir docs/site . build/docs-links

format: ready ## let ruff rewrite what it can
	@$(BIN)/ruff check --fix-only --quiet
	@$(BIN)/ruff format

package: ready ## build both functions for this machine, into build/local
	@$(LOCKED) $(MAKE) --silent $(LOCAL)/.AuthorizerFunction $(LOCAL)/.HelloFunction

# The examples are built in a copy, by the commands of their READMEs. What one takes from an index of one's own is not there to be
# had: what pip makes of such a line is tried by tests/system/test_adopters.py.
EXAMPLES_BUILT := build/examples
sam: ready ready-sam ## sam validate and sam build, as before a deploy
	@for template in template.yaml examples/*/template.yaml examples/existing-pool/pool.yaml; do \
		SAM_CLI_TELEMETRY=0 $(VENV_SAM)/bin/sam validate --lint --region us-east-1 --template $$template || exit 1; done
	@SAM_CLI_TELEMETRY=0 $(VENV_SAM)/bin/sam build
	@rm -rf $(EXAMPLES_BUILT) && mkdir -p build && cp -R examples $(EXAMPLES_BUILT) && rm $(EXAMPLES_BUILT)/*/requirements.txt
	@for readme in $(EXAMPLES_BUILT)/*/README.md; do (cd $$(dirname $$readme) && echo "building $$(dirname $$readme)" \
		&& sed -n '/^```sh/,/^```$$/p' README.md | grep -E '^(authorizer (check|test|compile|package) |sam build$$)' \
		| SAM_CLI_TELEMETRY=0 PATH=$(CURDIR)/$(BIN):$(CURDIR)/$(VENV_SAM)/bin:$$PATH sh -e >build.log 2>&1 && [ -d .aws-sam/build ] \
		|| { cat build.log; exit 1; }) || exit 1; done

examples: ready ## each of examples/ on the emulator: who asks what, what is answered, and what must be
	@$(BIN)/python tests/example_stacks.py

# The runtime interface emulator is in the SAM CLI.
runtime: ready ready-sam
	@$(LOCKED) $(MAKE) --silent build/dependencies/runtime/.complete

sam-local: ready ready-sam
	@$(MAKE) --silent build/sam-local/.python$(LAMBDA_PYTHON)

lock: ready ## bring the lock files in requirements/ up to date
	$(COMPILE) requirements/uv.in --output-file requirements/uv.txt
	$(COMPILE) pyproject.toml --extra lambda --output-file requirements/lambda.txt
	$(COMPILE) pyproject.toml --extra dev --constraint requirements/lambda.txt --output-file requirements/dev.txt
	$(COMPILE) pyproject.toml requirements/benchmarks.in --constraint requirements/lambda.txt \
		--output-file requirements/benchmarks.txt
	$(COMPILE) requirements/sam.in --output-file requirements/sam.txt
	$(COMPILE) requirements/runtime.in --output-file requirements/runtime.txt
	$(COMPILE) requirements/pyright.in --output-file requirements/pyright.txt
	$(COMPILE) requirements/docs.in --output-file requirements/docs.txt

ci: ## what CI runs
	@bash .ci/run

clean: ## remove all that make made
	rm -rf .local $(VENV) $(VENV_SAM) $(VENV_BENCHMARKS) $(VENV_PYRIGHT) $(VENV_DOCS) build dist .aws-sam .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis htmlcov

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command 'make lock'

# --- environments -----------------------------------------------------------------------------------------------------

ready: ## make the environment in .venv, with the authorizer command
	@[ -e $(READY) ] && [ $(READY) -nt requirements/dev.txt ] && [ $(READY) -nt pyproject.toml ] \
		|| { $(LOCKED) $(MAKE) --silent $(READY); }

# All that the tests need, side by side.
ready-test:
	@$(LOCKED) $(MAKE) --silent -j4 $(READY) $(READY_SAM) $(LOCAL)/.AuthorizerFunction $(LOCAL)/.HelloFunction \
		build/dependencies/runtime/.complete

ready-sam:
	@[ -e $(READY_SAM) ] && [ $(READY_SAM) -nt requirements/sam.txt ] \
		|| { $(LOCKED) $(MAKE) --silent $(READY_SAM); }

python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "$$($(PYTHON) --version) is too old: install Python 3.11 or newer, or say make PYTHON=/path/to/python3" >&2; exit 1; }

# The file that says "ready" comes last: an environment whose making was interrupted is made again, from nothing.
$(READY): requirements/dev.txt pyproject.toml | python
	@echo "making $(VENV) from requirements/dev.txt (a quarter of a minute, once)"
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip $(PIP_INSTALL) --only-binary=:all: $(FROM_LOCK) requirements/uv.txt \
		|| echo "no uv for this machine: pip takes a minute longer"
	@$(call INTO,$(VENV),$(FROM_LOCK) requirements/dev.txt)
	@$(call INTO,$(VENV),--no-deps --no-build-isolation --editable .)
	@touch $@

$(READY_SAM): requirements/sam.txt | $(READY)
	@echo "making $(VENV_SAM) from requirements/sam.txt"
	@rm -rf $(VENV_SAM)
	@$(PYTHON) -m venv --without-pip $(VENV_SAM)
	@$(call INTO,$(VENV_SAM),$(FROM_LOCK) requirements/sam.txt)
	@touch $@

ready-benchmarks:
	@[ -e $(READY_BENCHMARKS) ] && [ $(READY_BENCHMARKS) -nt requirements/benchmarks.txt ] \
		|| { $(LOCKED) $(MAKE) --silent $(READY_BENCHMARKS); }

$(READY_BENCHMARKS): requirements/benchmarks.txt | $(READY)
	@echo "making $(VENV_BENCHMARKS) from requirements/benchmarks.txt"
	@rm -rf $(VENV_BENCHMARKS)
	@$(PYTHON) -m venv --without-pip $(VENV_BENCHMARKS)
	@$(call INTO,$(VENV_BENCHMARKS),$(FROM_LOCK) requirements/benchmarks.txt)
	@touch $@

ready-pyright:
	@[ -e $(READY_PYRIGHT) ] && [ $(READY_PYRIGHT) -nt requirements/pyright.txt ] \
		|| { $(LOCKED) $(MAKE) --silent $(READY_PYRIGHT); }

$(READY_PYRIGHT): requirements/pyright.txt | $(READY)
	@echo "making $(VENV_PYRIGHT) from requirements/pyright.txt"
	@rm -rf $(VENV_PYRIGHT)
	@$(PYTHON) -m venv --without-pip $(VENV_PYRIGHT)
	@$(call INTO,$(VENV_PYRIGHT),$(FROM_LOCK) requirements/pyright.txt)
	@touch $@

ready-docs:
	@[ -e $(READY_DOCS) ] && [ $(READY_DOCS) -nt requirements/docs.txt ] \
		|| { $(LOCKED) $(MAKE) --silent $(READY_DOCS); }

$(READY_DOCS): requirements/docs.txt | $(READY)
	@echo "making $(VENV_DOCS) from requirements/docs.txt"
	@rm -rf $(VENV_DOCS)
	@$(PYTHON) -m venv --without-pip $(VENV_DOCS)
	@$(call INTO,$(VENV_DOCS),$(FROM_LOCK) requirements/docs.txt)
	@touch $@

# --- function packages ------------------------------------------------------------------------------------------------
# What is deployed: authorizer/ without its CLI, one handler, the compiled policy, dependencies.

# `sam build` calls these with ARTIFACTS_DIR. A policy that does not compile, or does not fit the template, costs nothing
# but the message, and leaves the package empty.
build-AuthorizerFunction: artifacts-dir ready
	@$(LOCKED) $(call PACKAGE_AUTHORIZER,--template $(BUILT_TEMPLATE) --function AuthorizerFunction --output $(ARTIFACTS_DIR))

artifacts-dir:
	@[ -n "$(ARTIFACTS_DIR)" ] || { echo "expected ARTIFACTS_DIR, the folder to build in, which 'sam build' sets: run 'sam build' or 'make sam'; 'make package' builds for this machine" >&2; exit 1; }

build-HelloFunction: artifacts-dir
	@$(call ASSEMBLE_HELLO,$(ARTIFACTS_DIR))

# The same for the Python that runs here: the local stack's functions.
$(LOCAL)/.AuthorizerFunction: $(SOURCES) | $(READY)
	@echo "building AuthorizerFunction into $(LOCAL)"
	@$(call PACKAGE_AUTHORIZER,--template template.yaml --output $(LOCAL)/AuthorizerFunction --for-this-machine)
	@touch $@

$(LOCAL)/.HelloFunction: $(SOURCES) | $(READY)
	@echo "building HelloFunction into $(LOCAL)"
	@rm -rf build/new-hello && mkdir -p build/new-hello $(LOCAL)
	@$(call ASSEMBLE_HELLO,build/new-hello)
	@rm -rf $(LOCAL)/HelloFunction && mv build/new-hello $(LOCAL)/HelloFunction && touch $@

# The same again, for a container on this machine: the deployed Python (LAMBDA_PYTHON=3.12 chooses another) on this
# machine's processor. `sam build` makes it, of a template derived from template.yaml.
build/sam-local/.python$(LAMBDA_PYTHON): $(SOURCES)
	@echo "building both functions for a container, with sam build$(LAMBDA_PYTHON:%=, for Python %)"
	@rm -rf build/sam-local && mkdir -p build/sam-local
	@$(BIN)/python tests/sam_local.py build $(LAMBDA_PYTHON:%=--python %)
	@touch $@

PACKAGE_AUTHORIZER = $(BIN)/authorizer package policy.yaml --include handlers/__init__.py --include handlers/authorize.py $(1)

ASSEMBLE_HELLO = mkdir -p $(1)/handlers \
	&& cp handlers/__init__.py handlers/hello.py $(1)/handlers

# Not part of a package: what Lambda's runtime has beside it, for `make invoke`.
build/dependencies/runtime/.complete: requirements/runtime.txt Makefile $(READY)
	@echo "installing what Lambda's runtime has beside a function"
	@rm -rf $(@D) && mkdir -p $(@D)
	@$(BIN)/python -m pip $(PIP_INSTALL) $(FROM_LOCK) requirements/runtime.txt --target $(@D)
	@touch $@
