# `make run` and `make test` are the two commands. Everything else is called by them or by hand.

CARGO ?= cargo
BACKENDS := target/tested-services

.PHONY: run test check openapi measure cargo

run: cargo
	$(CARGO) run --bin bellhop

# Format, lints, every test. The last lines say which backends ran and how many tests.
test: check
	@mkdir -p target && rm -f $(BACKENDS)
	@scripts/test $(CARGO) $(BACKENDS)

check: cargo
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings

openapi: cargo
	$(CARGO) run --quiet --bin bellhop -- openapi > openapi.yaml.new
	mv openapi.yaml.new openapi.yaml

# Start-up time and idle memory of a release build; see docs/OPERATIONS.md.
measure: cargo
	$(CARGO) build --release --bin bellhop
	scripts/measure target/release/bellhop

cargo:
	@command -v $(CARGO) >/dev/null 2>&1 || { \
	  echo "cargo is missing. Install Rust 1.94 or later: https://rustup.rs"; exit 1; }
	@command -v cc >/dev/null 2>&1 || { \
	  echo "A C compiler is missing (SQLite and the TLS library are built from source)."; \
	  echo "Debian, Ubuntu: apt-get install gcc   macOS: xcode-select --install"; exit 1; }
