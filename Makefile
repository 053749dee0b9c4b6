# make          the library, optimised: target/release/librunestore.so and .a
# make demo     the main job on real data
# make move     the same data from memory into a file, into PostgreSQL, into a file; its copy killed half-way
# make test     every test
# make install  the library, its headers, and what pkg-config and CMake look for: PREFIX=/usr/local DESTDIR=
# make help     the rest

CARGO ?= cargo
PYTHON ?= python3
CC ?= cc
CXX ?= c++
NODE ?= node
NPM ?= npm
GO ?= go
RUBY ?= ruby
JAVA ?= java
JAVAC ?= javac
CFLAGS ?= -O2
BUILD := build
LIB := target/release
# Where tools that a test needs are installed, if they are not on the machine.
TOOLS ?= $(abspath $(BUILD))/tools
CARGO_DENY_VERSION := 0.20.2
CARGO_ABOUT_VERSION := 0.9.3

C_STRICT := -std=c99 -Wall -Wextra -Wpedantic -Werror

.PHONY: all
all:
	$(CARGO) build --release

.PHONY: help
help:
	@grep -E '^# make' Makefile | cut -c3-
	@echo "make rust     format, lints, documentation and tests of the Rust code"
	@echo "make deny     licences, sources and duplicates of the dependencies; NOTICE-THIRD-PARTY.txt names each crate that is linked"
	@echo "make notices       writes NOTICE-THIRD-PARTY.txt anew, when Cargo.lock has changed"
	@echo "make header   include/runestore.h is what the source generates"
	@echo "make abi      the interface that the header declares is the recorded one: tests/abi/runestore.abi"
	@echo "make c        the C tests: plain, with sanitizers, under valgrind"
	@echo "make test-install  programs against the installed library: C, C++, shared, static, pkg-config, CMake"
	@echo "make deb           Debian packages of it in build/deb: librunestore1 and librunestore-dev"
	@echo "make test-deb      makes them, installs them if it is root's to, uses them, removes them"
	@echo "make uninstall     removes what make install installed, with the same PREFIX"
	@echo "make packages      what users install, in build/packages: Debian packages, wheel, npm tarball, gem, jar, Go's and Elixir's sources;"
	@echo "              LANGUAGES=\"ruby go\" makes those of some languages"
	@echo "make test-fresh    each language's page followed on a bare Debian, command by command; root's, by chroot: LANGUAGES=\"ruby go\""
	@echo "make cpp      the C++ tests: C++17, 20 and 23, with and without exceptions, sanitizers, valgrind"
	@echo "make crash    crashes on a simulated disk: CRASH_STATES=50000 states, and every planted bug"
	@echo "make torture  the same with 1,000,000 states; an hour or more"
	@echo "make machine  kill -9, failing system calls, full disks and other processes, on this machine"
	@echo "make test-failover  PostgreSQL's primary and standby are lost in turn while programs write and follow: FAILOVER_ROUNDS=50"
	@echo "make powercut power cuts in a virtual machine: ROUNDS=20"
	@echo "make python   the Python package: wheel, source distribution, tests, types"
	@echo "make node     the npm package: packed, installed, tests, types"
	@echo "make elixir   the Elixir package: the NIF, formatting, tests, vectors"
	@echo "make go       the Go package: formatting, vet, tests, races, vectors"
	@echo "make ruby     the gem: built, installed, tests, vectors"
	@echo "make java     the jar: built, reference, tests, vectors"
	@echo "make ffi      the C interface from LuaJIT and PHP: the programs of docs/LANGUAGES.md"
	@echo "make format   a reader in Python, written from docs/FORMAT.md alone, against golden stores and fresh ones"
	@echo "make fuzz     each fuzz target for SECONDS=60, with AddressSanitizer where a nightly Rust has it"
	@echo "make bench    the scoreboards, RUNS=1 times: from C beside SQLite, LMDB and PostgreSQL, from Python beside sqlite3 and eventsourcing;"
	@echo "              writes the tables and the plot of docs/PERFORMANCE.md"
	@echo "make bench-quick   the same of few events, in three minutes; writes nothing"
	@echo "make bench-report  the tables and the plot again, of what was measured last"
	@echo "make bench-growth  what grows with the log: 10,000,000 events beside a tenth, 1,000 segments beside few"
	@echo "make bench-languages  calls a second from each language beside those from C: CALLS=100000 ROUNDS=5"
	@echo "make perf-check    instructions of some works, by callgrind, beside those of benches/instructions.txt"
	@echo "make docs     the references of the Rust crate and the Python package"
	@echo "make clean    removes what was built"

# ---- install ----------------------------------------------------------------

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DOCDIR ?= $(PREFIX)/share/doc/runestore
DESTDIR ?=
# Empty keeps the symbols' names.
STRIP ?= strip
INSTALL = PREFIX="$(PREFIX)" LIBDIR="$(LIBDIR)" INCLUDEDIR="$(INCLUDEDIR)" DOCDIR="$(DOCDIR)" DESTDIR="$(DESTDIR)" STRIP="$(STRIP)" sh packaging/install.sh

# Installing as root does not build as root: `make`, then `sudo make install`.
.PHONY: install uninstall
install:
	@test -e $(LIB)/librunestore.so && test -e $(LIB)/librunestore.a || { echo "nothing is built: run make first" >&2; exit 1; }
	@$(INSTALL) install $(LIB)
uninstall:
	@$(INSTALL) uninstall

.PHONY: deb
deb: need-deb all
	@sh packaging/deb.sh $(LIB) $(BUILD)/deb

# What users install, in build/packages. A language with a package has bindings/LANGUAGE/package.sh; those that can be
# followed on a fresh machine are the files of tests/fresh/languages.
LANGUAGES ?= $(notdir $(wildcard tests/fresh/languages/*))

.PHONY: packages
packages: deb $(patsubst %,need-%,$(filter python node ruby java,$(LANGUAGES)))
	@NPM="$(NPM)" PYTHON="$(PYTHON)" RUBY="$(RUBY)" JAVAC="$(JAVAC)" sh packaging/packages.sh $(BUILD)/deb $(BUILD) $(LANGUAGES)

# ---- demo -------------------------------------------------------------------

DEMO := $(BUILD)/demo

.PHONY: demo
demo: need-python need-cc all
	@mkdir -p $(DEMO)
	@$(PYTHON) examples/flights/fetch.py $(DEMO)
	@$(PYTHON) examples/flights/convert.py $(DEMO)
	@$(CC) $(C_STRICT) $(CFLAGS) -Iinclude examples/flights/flights.c -o $(DEMO)/flights \
	    -L$(LIB) -Wl,-rpath,$(abspath $(LIB)) -lrunestore
	@rm -rf $(DEMO)/flights.runes $(DEMO)/copy.runes
	@$(DEMO)/flights $(DEMO)
	@echo
	@PYTHON="$(PYTHON)" sh examples/flights/python.sh $(DEMO)

# EVENTS=100000 moves the first of them; POSTGRES_URL=postgresql://... names a server that is there already.
.PHONY: move
move: need-python need-cc need-postgres
	@mkdir -p $(DEMO)
	@PYTHON="$(PYTHON)" sh examples/flights/python.sh $(DEMO) move.py $(EVENTS)

# ---- bench ------------------------------------------------------------------

# The scoreboards, beside their peers in the same run, in RUNS processes one after the other; then the report on all of them,
# which writes the tables of docs/PERFORMANCE.md anew.
RUNS ?= 1
BENCH_RUN = CARGO="$(CARGO)" PYTHON="$(PYTHON)" sh benches/run.sh $(BUILD) $(RUNS)

.PHONY: bench bench-report
bench: need-python need-cc need-postgres
	@$(BENCH_RUN) c python
	@$(MAKE) --no-print-directory bench-report
bench-report: need-python
	@PYTHON="$(PYTHON)" sh benches/python/report.sh $(BUILD)/bench docs/PERFORMANCE.md docs/performance.svg

# These only print. ENGINE=file WORKS=A1,A3 make bench-c looks at one engine and some of the works.
.PHONY: bench-c bench-python bench-quick
bench-c: need-postgres
	@$(CARGO) run --release --quiet -p runestore-benches
bench-python: need-python need-cc
	@PYTHON="$(PYTHON)" sh benches/python/run.sh $(BUILD)/bench-python
bench-quick:
	@EVENTS=50000 ROUNDS=2 $(MAKE) --no-print-directory bench-c bench-python

# What the tests of each language have built is what is measured: make python node elixir go ruby java.
.PHONY: bench-languages
bench-languages: need-cc all
	@CC="$(CC)" JAVA="$(JAVA)" JAVAC="$(JAVAC)" sh benches/languages/run.sh $(BUILD) $(LIB)

# A large file store beside a small one: EVENTS=10000000 (which is also the default) needs 15 GB on the disk for a while.
.PHONY: bench-growth
bench-growth: need-python
	@$(BENCH_RUN) growth
	@$(MAKE) --no-print-directory bench-report

# What the committed figures are made with: RECORD=--record.
.PHONY: perf-check
perf-check: need-c-tests
	@$(CARGO) build --release --quiet -p runestore-benches
	@sh tools/perf-check.sh target/release/runestore-benches $(RECORD)

# ---- fuzz -------------------------------------------------------------------

SECONDS ?= 60

.PHONY: fuzz
fuzz:
	TOOLS="$(TOOLS)" sh fuzz/run.sh $(SECONDS)

# ---- test -------------------------------------------------------------------

.PHONY: test
test: need-rust need-python need-cc need-c-tests need-node need-elixir need-go need-ruby need-java need-ffi need-postgres rust deny header abi crash native test-install test-deb machine format languages
	@echo "make test: all suites passed"

.PHONY: rust
rust: need-postgres
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) clippy --no-default-features -- -D warnings
	$(CARGO) clippy --features simulation --all-targets -- -D warnings
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml --check
	$(CARGO) clippy --manifest-path fuzz/Cargo.toml --locked --target-dir $(BUILD)/fuzz/lint -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps
	$(CARGO) test --workspace

.PHONY: deny
deny: $(TOOLS)/bin/cargo-deny
	$(TOOLS)/bin/cargo-deny --all-features check bans licenses sources
	@CARGO="$(CARGO)" sh packaging/notices/check.sh NOTICE-THIRD-PARTY.txt

# Python's module is linked with all that the library is, and with its own.
.PHONY: notices
notices: need-python $(TOOLS)/bin/cargo-about
	@mkdir -p $(BUILD)
	$(TOOLS)/bin/cargo-about generate --config packaging/notices/about.toml --manifest-path bindings/python/Cargo.toml \
	    --locked --fail --format json --output-file $(BUILD)/notices.json
	$(PYTHON) packaging/notices/notices.py <$(BUILD)/notices.json >NOTICE-THIRD-PARTY.txt
	@CARGO="$(CARGO)" sh packaging/notices/check.sh NOTICE-THIRD-PARTY.txt

$(TOOLS)/bin/cargo-about:
	$(CARGO) install cargo-about --version $(CARGO_ABOUT_VERSION) --features cli --locked --root $(TOOLS) --quiet

$(TOOLS)/bin/cargo-deny:
	$(CARGO) install cargo-deny --version $(CARGO_DENY_VERSION) --locked --root $(TOOLS) --quiet

# The header is committed, so the check is that building it anew changes nothing.
.PHONY: header
header:
	@mkdir -p $(BUILD)
	@cp include/runestore.h $(BUILD)/runestore.h.committed
	@touch build.rs
	$(CARGO) build
	@diff -u $(BUILD)/runestore.h.committed include/runestore.h
	@if git rev-parse --git-dir >/dev/null 2>&1; then git diff --exit-code include/runestore.h; fi
	@echo "header: include/runestore.h is what src/ffi generates"

.PHONY: abi
abi: need-python need-cc need-abi
	@CC="$(CC)" PYTHON="$(PYTHON)" sh tests/abi/run.sh $(BUILD)/abi

.PHONY: c
c: need-python need-cc need-c-tests all
	CC="$(CC)" CXX="$(CXX)" sh tests/c/run.sh $(LIB) $(BUILD)/c

.PHONY: test-install
test-install: need-cc need-install-tests all
	@CC="$(CC)" CXX="$(CXX)" sh tests/install/run.sh $(LIB) $(BUILD)/install

.PHONY: test-deb
test-deb: need-cc need-install-tests need-deb all
	@CC="$(CC)" CXX="$(CXX)" sh tests/deb/run.sh $(LIB) $(BUILD)/deb

# Not a part of make test: it makes a Debian for each language, of the machine's own mirror.
.PHONY: test-fresh
test-fresh: need-fresh packages
	@sh tests/fresh/run.sh $(BUILD)/packages $(BUILD)/fresh $(LANGUAGES)

.PHONY: cpp
cpp: need-python need-cc need-c-tests all
	CC="$(CC)" CXX="$(CXX)" sh tests/cpp/run.sh $(LIB) $(BUILD)/cpp

# Both at once: most of their time is valgrind's, which uses one processor.
.PHONY: native
native: need-python need-cc need-c-tests all
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target c cpp

# A simulated disk makes tens of thousands of states: that wants optimised code, and the assertions all the same.
.PHONY: crash torture
crash: need-rust
	$(CARGO) test --features simulation --test crash -- --nocapture
torture: need-rust
	CRASH_STATES=1000000 $(CARGO) test --features simulation --test crash -- --nocapture

.PHONY: machine
machine: need-python need-cc all
	CC="$(CC)" PYTHON="$(PYTHON)" sh tests/machine/run.sh $(LIB) $(BUILD)/machine

ROUNDS ?= 20

.PHONY: powercut
powercut: need-python need-cc all
	CC="$(CC)" PYTHON="$(PYTHON)" sh tests/powercut/run.sh $(LIB) $(BUILD)/powercut $(ROUNDS)

# What it is drawn from is printed, and can be given: RUNESTORE_TEST_SEED=7.
FAILOVER_ROUNDS ?= 50

.PHONY: test-failover
test-failover: need-rust need-postgres
	FAILOVER_ROUNDS=$(FAILOVER_ROUNDS) $(CARGO) test -p runestore-postgres-tests --test failover -- --nocapture

.PHONY: python
python: need-python need-c-tests need-postgres
	@PYTHON="$(PYTHON)" sh bindings/python/test.sh $(BUILD)/python

# RUNESTORE_TEST_CALLS=1000000 for the long run of its memory tests.
.PHONY: node
node: need-node need-cc all
	@CC="$(CC)" NODE="$(NODE)" NPM="$(NPM)" sh bindings/node/test.sh $(BUILD)/node $(LIB)

# RUNESTORE_TEST_CALLS=1000000 for the long test of its memory.
.PHONY: elixir
elixir: need-cc need-elixir all
	@CC="$(CC)" sh bindings/elixir/test.sh $(BUILD)/elixir $(LIB)

# RUNESTORE_TEST_CALLS=1000000 for the long test of its memory.
.PHONY: go
go: need-cc need-go all
	@CC="$(CC)" GO="$(GO)" sh bindings/go/test.sh $(BUILD)/go $(LIB)

# RUNESTORE_TEST_CALLS=1000000 for the long test of its memory.
.PHONY: ruby
ruby: need-cc need-ruby all
	@CC="$(CC)" RUBY="$(RUBY)" sh bindings/ruby/test.sh $(BUILD)/ruby $(LIB)

# RUNESTORE_TEST_CALLS=1000000 for the long test of its memory.
.PHONY: java
java: need-cc need-java all
	@CC="$(CC)" JAVA="$(JAVA)" JAVAC="$(JAVAC)" sh bindings/java/test.sh $(BUILD)/java $(LIB)

# Two at a time: Python's takes as long as all the others. Beside them is a server for stores in PostgreSQL.
.PHONY: languages
languages: need-python need-cc need-c-tests need-node need-elixir need-go need-ruby need-java need-ffi need-postgres all
	@$(PYTHON) tests/languages/beside_postgres.py $(MAKE) --no-print-directory --jobs=2 --output-sync=target python node elixir go ruby java ffi

# What needs no package of ours: the C interface called as it is.
.PHONY: ffi
ffi: need-ffi all
	@sh tests/languages/ffi.sh $(LIB) $(BUILD)/ffi

.PHONY: format
format: need-python all
	@PYTHON="$(PYTHON)" sh tests/format/run.sh $(LIB) $(BUILD)/format

# ---- docs -------------------------------------------------------------------

# pdoc warns of each annotation that it cannot look up under a class' public name; it prints them as they are written.
.PHONY: docs
docs: need-python need-cc
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps
	@PYTHON="$(PYTHON)" sh tools/python-venv.sh $(BUILD)/docs/venv bindings/python/requirements-dev.txt
	@$(BUILD)/docs/venv/bin/python -W ignore -m pdoc -o $(BUILD)/docs/python runestore runestore.aio
	@echo "docs: target/doc/runestore/index.html for Rust, $(BUILD)/docs/python/index.html for Python"

.PHONY: clean
clean:
	$(CARGO) clean
	rm -rf $(BUILD)

# ---- what the machine must have ----------------------------------------------

.PHONY: need-rust need-python need-cc need-c-tests need-install-tests need-abi need-deb need-fresh need-node need-elixir need-go need-ruby need-java need-ffi need-postgres
need-rust:
	@$(CARGO) fmt --version >/dev/null 2>&1 && $(CARGO) clippy --version >/dev/null 2>&1 || \
	    { echo "the tests need rustfmt and clippy: rustup component add rustfmt clippy" >&2; exit 1; }
need-python:
	@tools/need.sh "$(PYTHON) -c 'import ensurepip, sys, venv; assert sys.version_info >= (3, 11)'" python3 python3-venv
need-cc:
	@tools/need.sh "$(CC) --version" gcc libc6-dev
need-c-tests:
	@tools/need.sh "$(CXX) --version" g++
	@tools/need.sh "valgrind --version" valgrind libc6-dbg
	@tools/need.sh "nm --version && readelf --version" binutils
need-install-tests: need-c-tests
	@tools/need.sh "pkg-config --version && cmake --version" pkg-config cmake
need-abi:
	@tools/need.sh "abidiff --version && abidw --version" abigail-tools
need-deb:
	@tools/need.sh "dpkg-architecture -qDEB_HOST_ARCH && command -v dpkg-shlibdeps" dpkg-dev
need-fresh:
	@sh tests/fresh/may.sh
need-node:
	@tools/need.sh "$(NODE) -e 'const [major, minor] = process.versions.node.split(\".\"); process.exit(major > 18 || (major == 18 && minor >= 18) ? 0 : 1)' && $(NPM) --version" nodejs npm || \
	    { echo "the npm package needs Node.js 18.18 or later, with npm: take it from nodejs.org if your system's is older, or name another with NODE= and NPM=" >&2; exit 1; }
need-elixir:
	@tools/need.sh "elixir --version && mix --version && test -f \"\$$(erl -noshell -eval 'io:put_chars(code:root_dir()), halt().')/usr/include/erl_nif.h\"" elixir erlang-dev
	@tools/need.sh "pkg-config --version && readelf --version" pkg-config binutils
need-go:
	@tools/need.sh "$(GO) version && $(GO) vet -h 2>&1 | grep -q usage" golang-go
	@tools/need.sh "pkg-config --version && readelf --version" pkg-config binutils
need-ruby:
	@tools/need.sh "$(RUBY) -rfiddle -rminitest -e 'exit RUBY_VERSION.to_f >= 3.1' && gem --version" ruby
need-java:
	@tools/need.sh "$(JAVA) -version && $(JAVAC) --release 17 --version && javadoc --version && jar --version" default-jdk-headless
	@tools/need.sh "test -e /usr/share/java/jna.jar && test -e /usr/share/java/junit-platform-console.jar" libjna-java junit5
need-ffi:
	@tools/need.sh "luajit -v" luajit
	@tools/need.sh "php -m | grep -qx FFI" php-cli
need-postgres:
	@tools/need.sh "test -x '$(PG_BIN)/initdb' || command -v initdb || ls /usr/lib/postgresql/*/bin/initdb" postgresql
