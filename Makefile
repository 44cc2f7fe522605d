# What one types. `make` alone lists it.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
DOCS := .venv-docs
PY := $(BIN)/python
PYTEST := $(PY) -m pytest
# Unit tests run on all cores. Those on an API server wait more than they work: a few at a time, all
# of a file by one worker, on clusters that the workers share. A machine has one real node.
JOBS ?= auto
E2E_JOBS ?= 3
# The clusters of tests live shortly: memory is cheaper than collecting it (Go's default is 100).
test test-e2e test-node: export GOGC ?= 400
# What has no order of its own has the same one in every run, as chance is the same (tests/suite/draws.py).
test test-fast test-unit test-e2e test-node test-browser test-cloud test-lives coverage: export PYTHONHASHSEED ?= 0
# Programs start often in tests: each compiles its modules once, whatever the shell asks for.
unexport PYTHONDONTWRITEBYTECODE
# Where the tests of a tier are: a worker reads every file that it is given.
E2E := tests/e2e tests/devcluster tests/kube
NODE := tests/e2e tests/devcluster tests/docs
BROWSER := tests/e2e tests/dashboard
# With LONG=only a tier runs its long tests alone, and with LONG=1 those as well.
export LONG
ALONE := $(if $(filter only,$(LONG)),long and )
# What the real node needs of Debian, beside Go.
NODE_PACKAGES := runc containernetworking-plugins nftables iproute2 iptables mmdebstrap
# One after the other: apt does not wait while another installs, and tiers run beside each other.
INSTALL := flock /var/lock/argosy-apt.lock sh -c 'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$$@"' install
# An OpenStack is 460 packages: `make test` has one where that was asked for.
CLOUD := $(if $(filter 1,$(ARGOSY_CLOUD)),test-cloud)
IMAGE ?= ghcr.io/argosy-dev/argosy:dev

.DEFAULT_GOAL := help
.SILENT: help
.PHONY: help setup pin binaries node-packages demo test test-fast test-unit test-e2e test-node \
  test-browser test-cloud test-long test-lives test-quarantined coverage check docs format \
  generate lock changelog plugin image bench faults mutants clean

help: ## List the targets
	awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready binaries ## Make .venv from the lock, and build the cluster's programs

# The lock has hashes, so what is installed is what was tested; the project itself is editable.
$(VENV)/.ready: requirements-dev.lock pyproject.toml
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# Built once for a machine and cached outside the checkout; a second call is instant.
binaries: $(VENV)/.ready
	$(PY) -m scripts.binaries

node-packages: ## Install what the real node needs (root, Debian)
	dpkg -s $(NODE_PACKAGES) >/dev/null 2>&1 || \
	  $(INSTALL) $(NODE_PACKAGES)

# With CLUSTER=kind, or CLUSTER=given and a KUBECONFIG, only Helm is built.
demo: $(if $(filter kind given,$(CLUSTER)),$(VENV)/.ready,setup) ## Show an application come up, scale, heal, roll out and go, on a real Kubernetes
	$(PY) -m devcluster.demo $(if $(CLUSTER),--cluster $(CLUSTER))

# Tests on clusters wait for half of their time, so the others run beside them, in what they leave.
# Every test runs once: what fails now and then is mended, or quarantined with its reason.
test: setup ## Set up and run all tests but the long ones
	$(MAKE) --no-print-directory -j3 test-e2e test-node test-unit test-browser $(CLOUD)

# One process: starting workers would take longer than they save. What plays for hours is left out.
test-fast: $(VENV)/.ready ## Run the tests of decisions and models (10 seconds)
	$(PYTEST) -q tests/planning tests/kinds tests/api --ignore-glob='*_properties.py' --ignore-glob='*_structural.py' --ignore-glob='*_remediation.py'

test-unit: setup ## Run the tests that need no cluster
	nice $(PYTEST) -m "not e2e and not realnode and not browser and not cloud" -n $(JOBS)

test-e2e: setup ## Run the tests on a real API server
	$(PYTEST) $(E2E) -m "$(ALONE)e2e and not realnode and not cloud" -n $(E2E_JOBS) --dist loadfile --no-loadscope-reorder

# Containers need root. ARGOSY_REAL_NODE=0 leaves this tier out.
test-node: setup ## Run the tests on a real node (root)
ifneq ($(shell id -u),0)
	@echo "SKIPPED: the real-node tier needs root to run containers: sudo make test-node"
else ifeq ($(ARGOSY_REAL_NODE),0)
	@echo "SKIPPED: the real-node tier is left out, as ARGOSY_REAL_NODE=0 asks"
else
	$(MAKE) --no-print-directory node-packages
	ARGOSY_REAL_NODE=1 $(PYTEST) $(NODE) -m "$(ALONE)realnode"
endif

# A cloud of its own, from Debian's packages, which root installs; or the one that is given.
test-cloud: setup ## Run the tests on a real OpenStack (root, Debian)
ifneq ($(ARGOSY_E2E_CLOUDS),)
	$(PYTEST) -m "$(ALONE)cloud"
else ifneq ($(shell id -u),0)
	@echo "SKIPPED: the cloud tier needs root to install and run an OpenStack: sudo make test-cloud"
else ifeq ($(shell command -v apt-get),)
	@echo "SKIPPED: the cloud tier needs Debian's packages"
else
	ARGOSY_CLOUD=1 nice $(PYTEST) -m "$(ALONE)cloud"
endif

# Debian's Chromium; elsewhere whatever is called chromium.
test-browser: setup ## Run the tests of the dashboard in a real browser (root installs it)
ifeq ($(shell id -u)$(shell command -v chromium),0)
	$(INSTALL) chromium
endif
	@command -v chromium >/dev/null || echo "SKIPPED: the browser tier needs chromium, which root installs: sudo make test-browser"
	! command -v chromium >/dev/null || $(PYTEST) $(BROWSER) -m browser

# Beside the long tests more seeds of all random lives; a tier that fails keeps no other from running.
test-long: setup ## Run what takes minutes and `make test` leaves out (on a real node as root)
	$(MAKE) --no-print-directory -k LONG=only test-e2e test-node test-lives $(CLOUD)

# Here alone chance is another each time, as EXPLORE=1 asks: what `make test` draws is always the same.
test-lives: setup ## Play random lives with more seeds, and draw other examples, than `make test` does
	EXPLORE=1 SIMULATION_SEEDS=0-9 $(PYTEST) $$(grep -rlE 'scripts\.seeds\(|^(from|import) hypothesis' tests --include='test_*.py') \
	  -m "not e2e and not realnode and not browser and not cloud" -n $(JOBS)

# pytest ends with 5 where it finds no test: then the quarantine is empty, as it should be.
test-quarantined: setup ## Run the tests that fail now and then, each with its reason
	$(PYTEST) -m quarantined || test $$? = 5

coverage: setup ## Tell which branches the tests that need no cluster leave out
	$(PY) -m coverage erase
	nice $(PY) -m coverage run -m pytest -m "not e2e and not realnode and not browser and not cloud" -n $(JOBS)
	$(PY) -m coverage combine --quiet
	$(PY) -m coverage report

check: $(VENV)/.ready ## Lint, type-check, audit, and look for generated files that drifted
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(PY) -m scripts.generate --check
	$(BIN)/zizmor --offline --no-progress --quiet .github
	$(PY) -m scripts.shell
	$(PY) -m scripts.audit

docs: $(DOCS)/.ready ## Make the documentation's site, in site/
	$(DOCS)/bin/python -m scripts.site

# An environment of its own: what draws the site has nothing to do with what is tested.
$(DOCS)/.ready: requirements-docs.lock
	test -x $(DOCS)/bin/python || $(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-docs.lock
	touch $@

format: $(VENV)/.ready ## Format the code, and fix what can be fixed by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

generate: $(VENV)/.ready ## Write CRDs, the chart's copies of them, its RBAC, the reference pages
	$(PY) -m scripts.generate

lock: ## Resolve the dependencies anew, into the locks
	$(PY) -m scripts.lock

pin: ## Write the digest of the base image into base-image.lock
	$(PY) -m scripts.base_image pin

changelog: $(VENV)/.ready ## Move news fragments into the changelog (VERSION=0.2.0)
	$(PY) -m scripts.changelog $(VERSION)

plugin: $(VENV)/.ready ## Pack the command line into one file, in dist/
	$(PY) -m scripts.single_file --out dist

image: ## Build the operator's image
	docker buildx build --load --tag $(IMAGE) .

# BENCH takes arguments: make bench BENCH="--quick --only 11"
bench: setup ## Measure the ratios beside others, on clusters of its own (45 minutes)
	$(PY) -m bench $(BENCH)

faults: setup ## Break the operator's connection in every way, at every write
	$(PY) -m proof.faults $(FAULTS)

mutants: setup ## Prove that broken code is caught, by the history checker or a test nearby
	$(PY) -m proof.mutants $(MUTANTS)

clean: ## Remove what was made in the checkout; the cache of programs stays
	test ! -x $(PY) || $(PY) -m devcluster down
	test ! -x $(PY) || $(PY) -m devcluster openstack down
	rm -rf $(VENV) $(DOCS) build dist site *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache \
	  .coverage .coverage.*
