# `make run` and `make test` are the two commands. Everything else is called by them or by hand.

CARGO ?= cargo

.PHONY: run test services check openapi fuzz-api torture measure bench cargo

run: cargo
	$(CARGO) run --bin bellhop

# Format, lints, every test; the end-to-end suite on both pairs of backends. The last lines say which ran
# and how many tests. BELLHOP_TEST_BACKENDS=embedded make test does without PostgreSQL, RabbitMQ and Redis.
test: $(if $(filter embedded,$(BELLHOP_TEST_BACKENDS)),,services) check
	@scripts/test $(CARGO)

# PostgreSQL, RabbitMQ and Redis for the tests: what answers already, else docker, else packages.
services:
	@scripts/services

check: cargo
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings

openapi: cargo
	$(CARGO) run --quiet --bin bellhop -- openapi > openapi.yaml.new
	mv openapi.yaml.new openapi.yaml

# Ten minutes of requests for each role, allowed and forbidden, against a Bellhop of its own; `make test` has a short run.
fuzz-api: cargo
	$(CARGO) build --quiet --bin bellhop
	scripts/fuzz-fresh target/debug/bellhop

# Death at every named place and at random moments, services away for half a minute: longer than `make test` has
# time for.
torture: cargo services
	BELLHOP_TORTURE=1 BELLHOP_TEST_OUTAGE_SECONDS=30 BELLHOP_TEST_PAIR=services \
	  $(CARGO) test --workspace --test suite -- --nocapture --test-threads=1 deaths:: storm:: outages::

# Start-up time and idle memory of a release build; see docs/OPERATIONS.md.
measure: cargo
	$(CARGO) build --release --bin bellhop
	scripts/measure target/release/bellhop

# Speed, pace and memory of a release build on PostgreSQL, RabbitMQ and Redis, and reading on SQLite too, beside the
# raw limits of these. Reading makes five million messages on each: 45 minutes, and 4 GB of disk.
# BENCH="--quick batch" make bench is one scenario with a tenth of the load; see docs/OPERATIONS.md.
bench: cargo services
	$(CARGO) build --release --workspace --bins
	PGSSLMODE=disable target/release/bench $(BENCH)

cargo:
	@command -v $(CARGO) >/dev/null 2>&1 || { \
	  echo "cargo is missing. Install Rust 1.94 or later: https://rustup.rs"; exit 1; }
	@command -v cc >/dev/null 2>&1 || { \
	  echo "A C compiler is missing (SQLite and the TLS library are built from source)."; \
	  echo "Debian, Ubuntu: apt-get install gcc   macOS: xcode-select --install"; exit 1; }
