# `make run` and `make test` set up all that they need, and do it once.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup runtime redis postgres iproute chromium run migrate seed latency bench test soak browser-test \
  images check lint types package examples comparison docs docs-check run-postgres

# Node strips the types of src/ itself, and better-sqlite3 and undici need 22.19 or newer. Where the machine's Node is
# older, this one is taken from the npm registry into a folder of its own, and used for everything below.
NODE := 24
PLATFORM := $(shell uname -s | tr A-Z a-z)-$(shell uname -m | sed -e 's/x86_64/x64/' -e 's/aarch64/arm64/')
export PATH := $(CURDIR)/.node/bin:$(CURDIR)/node_modules/.bin:$(PATH)

help:
	@echo 'make run           set up, serve on http://127.0.0.1:3000'
	@echo 'make run-postgres  the same on a private PostgreSQL and Redis, which are started and ended too'
	@echo 'make test          set up, run the tests in three to four minutes'
	@echo 'make soak          run explorations, storms and failures in full, in about seven minutes'
	@echo 'make check         lint, types, tests with coverage'
	@echo 'make browser-test  the pages in Chromium; screenshots in artifacts/'
	@echo 'make images        take the screenshots of the README again, docs/images/'
	@echo 'make latency       measure the pages with and without their caches'
	@echo 'make bench         measure the caches, other caches, and the cost of the version clock'
	@echo 'make package       build the package fastify-larder in artifacts/, and check it'
	@echo 'make docs          write the API reference again, docs/api/, from the comments of the code'
	@echo 'make examples      run the tests of the examples in empty directories, with that package'
	@echo 'make comparison    run the same page with other caches, and print what each does'
	@echo 'make migrate       bring the database of DATABASE_URL up to date'
	@echo 'make seed          the same, and fill it if it is empty'

setup: node_modules/.package-lock.json

runtime:
	@command -v npm >/dev/null || { echo 'Install Node.js 20 or newer, with npm.'; exit 1; }
	@node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 22 || (a == 22 && b >= 19) ? 0 : 1)' \
	  || $(MAKE) --no-print-directory .node/bin/node

.node/bin/node:
	npm install --prefix .node --no-save --no-audit --no-fund --ignore-scripts node-$(PLATFORM)@$(NODE) \
	  || { echo 'Install Node.js 22.19 or newer.'; exit 1; }
	mkdir -p .node/bin
	ln -sf ../node_modules/node-$(PLATFORM)/bin/node $@

# npm writes this file last. No dependency needs its install script: all ship what they would build or fetch.
node_modules/.package-lock.json: package.json package-lock.json | runtime
	npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

# The version of tap that .taprc describes.
node_modules/.tap-built: .taprc node_modules/.package-lock.json
	tap build
	@touch $@

# The caches of others, which no user needs. Where they cannot be had, ours are measured all the same.
bench/peers/node_modules/.package-lock.json: bench/peers/package.json bench/peers/package-lock.json | runtime
	npm ci --prefix bench/peers --ignore-scripts --no-audit --no-fund \
	  && touch $@ || echo 'The caches of others are not installed, and not measured.'

# Tools that only `make package` needs.
package/tools/node_modules/.package-lock.json: package/tools/package.json package/tools/package-lock.json | runtime
	npm ci --prefix package/tools --ignore-scripts --no-audit --no-fund
	@touch $@

package: setup package/tools/node_modules/.package-lock.json
	@node package/build.ts
	@package/tools/node_modules/.bin/publint artifacts/fastify-larder-*.tgz --strict
	@package/tools/node_modules/.bin/attw artifacts/fastify-larder-*.tgz --profile esm-only

TYPEDOC = package/tools/node_modules/.bin/typedoc --options package/typedoc.config.js --treatWarningsAsErrors

docs: setup package/tools/node_modules/.package-lock.json
	@$(TYPEDOC) --logLevel Warn

docs-check: setup package/tools/node_modules/.package-lock.json
	@rm -rf artifacts/api && $(TYPEDOC) --logLevel Warn --out artifacts/api
	@diff -r docs/api artifacts/api || { echo 'docs/api is not up to date: run `make docs`.'; exit 1; }

examples: package
	@node examples/run.ts shortest dashboard blog

# Apart from the others, since it measures times for a minute.
comparison: package
	@node examples/run.ts comparison

redis:
	@command -v redis-server >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	  && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server; } \
	  || { echo 'redis-server is missing in the PATH: install the package redis-server (Debian, Ubuntu) or redis (Homebrew).'; exit 1; }

# Debian keeps its programs in folders of their own. The tests start clusters of their own, and use none that runs.
postgres:
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null \
	  || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	  && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql; } \
	  || { echo 'PostgreSQL 14 or newer is missing: install the package postgresql (Debian, Ubuntu, Homebrew).'; exit 1; }

# A Chromium or Chrome: a name in the PATH, or a path.
CHROMIUM ?= chromium

chromium:
	@command -v '$(CHROMIUM)' >/dev/null || { [ "$$(id -u)" = 0 ] && [ '$(CHROMIUM)' = chromium ] && command -v apt-get >/dev/null \
	  && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; } \
	  || { echo 'The browser tests need Chromium: install the package chromium, or name another with CHROMIUM=/path/to/chrome.'; exit 1; }

run: setup
	@exec node src/server.ts

# On a private PostgreSQL and a private Redis, which keep their data in var/.
run-postgres: setup redis postgres
	@exec node servers/run.ts

migrate: setup
	@node src/server.ts migrate

seed: setup
	@node src/server.ts seed

latency: setup
	@node bench/latency.ts

bench: setup bench/peers/node_modules/.package-lock.json
	@node bench/index.ts

# Prints a line for each test file when it has ended. The reporters of tap take several times as long.
PRELOAD = --import="$(CURDIR)/src/fast-imports.ts"
REPORTER = --reporter=./test/support/reporter.ts
TAP = NODE_DISABLE_COMPILE_CACHE=1 NODE_OPTIONS='$(PRELOAD)' tap $(REPORTER)
# Keeps compiled modules, and makes no records of modules and promises: this saves time at the start and in each test.
FAST_TAP = NODE_COMPILE_CACHE='$(CURDIR)/node_modules/.cache/node' \
  NODE_OPTIONS='$(PRELOAD) --import="$(CURDIR)/test/support/skip-tap-records.ts"' tap $(REPORTER) --disable-coverage

# Up to forty test files share a process, because starting one for each file takes half of the time. By itself, tap
# leaves one core idle. The tests of failures measure times, so they run one by one.
GROUPS = --timeout=600 $$(node test/support/group-tests.ts \
  artifacts/tests $$(find test -name '*.test.ts' -not -path 'test/browser/*' -not -path 'test/chaos/*'))
CHAOS = --jobs=1 test/chaos/*.test.ts

test: setup redis postgres node_modules/.tap-built
	$(FAST_TAP) --jobs=$$(node -p 'os.availableParallelism() + 1') $(GROUPS)
	$(FAST_TAP) $(CHAOS)

# Several hosts are network namespaces, which need root. Elsewhere these tests are skipped.
iproute:
	@command -v ip >/dev/null || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || { apt-get update -qq \
	  && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends iproute2; }

# The test files that have a long form.
soak: setup redis postgres iproute node_modules/.tap-built
	SOAK=1 $(FAST_TAP) --timeout=1200 $$(grep -rl --include='*.test.ts' "/soak.ts'" test)

# These files are named one by one, because .taprc excludes them from all other runs.
BROWSER_TEST = CHROMIUM="$$(command -v '$(CHROMIUM)')" $(FAST_TAP) --timeout=180

browser-test: setup chromium node_modules/.tap-built
	$(BROWSER_TEST) test/browser/*.test.ts

images: setup chromium node_modules/.tap-built
	$(BROWSER_TEST) test/browser/images.ts

check: lint types docs-check redis postgres node_modules/.tap-built
	$(TAP) --jobs=$$(node -p 'os.availableParallelism()') $(GROUPS)
	$(FAST_TAP) $(CHAOS)

lint: setup
	eslint .

# The types of `t` are those of the plugins that tap was built with.
types: node_modules/.tap-built
	tsc
	tsc -p templates
	tsc -p test/browser
	node test/docs/check-types.ts
