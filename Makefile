# The menu of verbs; `make` alone prints it. Meson and Ninja do the building.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help build run test check soak bench bench-full bench-compare lint format clean setup-run setup-test

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

# The stamps spare a second look at the packages; tools/setup itself asks apt only for what is missing.
setup-run: build/.setup-run
setup-test: build/.setup-test
build/.setup-run build/.setup-test build/.setup-compare: build/.setup-%: tools/setup
	@mkdir -p build
	@tools/setup $*
	@touch $@

build: build/.setup-run ## make build/sojourn, the release binary
	@test -f build/release/build.ninja || CC=gcc CXX=g++ meson setup build/release --buildtype=release
	@ninja -C build/release sojourn
	@install -m 755 build/release/sojourn build/sojourn

run: build ## the demo shop on a server at http://127.0.0.1:8080, its data in ./sojourn-data
	@tools/demo

test: build/.setup-test ## every test; the last line is `N passed, N failed`
	@tools/run_tests.py full

check: build/.setup-test ## what to run before a commit, 3 minutes at most
	@tools/run_tests.py check

soak: build/.setup-test ## the long versions: simulator, crash and fuzz for hours
	@tools/run_tests.py soak

bench: build ## measure this machine: small sizes, 15 minutes at most
	@build/sojourn bench

bench-full: build ## the sizes that the targets speak of, for the page docs/internals/performance.md
	@build/sojourn bench --full --write docs/internals/performance.md

# The queues are installed from the lock file, into build/ alone; their servers run in a folder that goes again.
bench-compare: build build/.setup-compare ## the same events through BullMQ on Redis and pg-boss on PostgreSQL, 20 minutes
	@mkdir -p build/compare
	@cp bench/compare/* build/compare/
	@cd build/compare && npm ci --ignore-scripts --no-audit --no-fund && node compare.mjs ../sojourn $(COMPARE)

lint: build/.setup-test ## only what style.md asks for and a program can see
	@tools/lint.py

format: build/.setup-test ## let clang-format lay out every C and C++ file
	@git ls-files -co --exclude-standard 'src/*.[ch]' 'src/*.cc' 'tests/*.[ch]' 'tests/*.cc' 'bench/*.[ch]' | xargs clang-format -i

clean: ## remove what was built; the data of `make run` stays
	@rm -rf build
