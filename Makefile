# What a person runs: demo, tour, test, lint, bench.
# Each first installs what is missing from Debian's packages.

SHELL := /bin/bash
CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
VENV := .venv/made

.PHONY: demo tour test lint bench build-packages test-packages

# Starts the estate of 2016, an issuer and the gateway, in the foreground.
demo: build-packages
	$(CARGO) build --release --bin vingate --example demo
	exec $(TARGET)/release/examples/demo

# The tour against a demo of its own: each command, its output, and whether it is as promised.
tour: build-packages
	$(CARGO) build --release --bin vingate --example demo
	.ci/with-demo $(TARGET)/release/examples/demo deploy/demo/tour.sh

# `cargo test` builds the binary and the demo too: the rest runs what it built.
test: test-packages $(VENV)
	$(CARGO) test --profile ci
	$(TARGET)/ci/vingate policy fmt --check policies
	$(TARGET)/ci/vingate policy test policies --coverage --min 100
	$(TARGET)/ci/vingate policy lint policies
	$(TARGET)/ci/vingate policy prove policies
	.ci/with-demo $(TARGET)/ci/examples/demo deploy/demo/tour.sh

# The shipped configuration is checked with keys made for the purpose.
lint: test-packages
	$(CARGO) fmt --check
	$(CARGO) clippy --profile ci --all-targets -- -D warnings
	$(CARGO) clippy --profile ci --no-default-features --bin vingate -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --profile ci --no-deps --lib
	$(CARGO) build --profile ci --bin vingate
	keys=$$(mktemp -d) && trap 'rm -rf "$$keys"' EXIT && \
	deploy/leaf/make-keys.sh "$$keys" && deploy/leaf/make-cars.sh "$$keys" && \
	$(TARGET)/ci/vingate check -c deploy/leaf/vingate.toml \
		--set assertion.key_file="$$keys/assertion.pem" \
		--set audit.pseudonym_key_file="$$keys/pseudonym.key" \
		--set listeners.tcu.tls.certificate_file="$$keys/tcu.pem" \
		--set listeners.tcu.tls.key_file="$$keys/tcu.key" \
		--set certificates.tcu.authorities_file="$$keys/cars-ca.pem" \
		--set "certificates.tcu.crl_files=[\"$$keys/cars-crl.pem\"]" \
		--set issuers.owners.jwks_file="$(CURDIR)/tests/fixtures/jwks.json" \
		--set issuers.dealers.jwks_file="$(CURDIR)/tests/fixtures/jwks.json" \
		--set issuers.partners.jwks_file="$(CURDIR)/tests/fixtures/jwks.json" \
		--set issuers.agents.jwks_file="$(CURDIR)/tests/fixtures/jwks.json"

bench: bench-packages
	$(CARGO) bench

bench-packages:
	@.ci/packages build-essential cmake openssl wrk

build-packages:
	@.ci/packages build-essential cmake curl openssl

test-packages:
	@.ci/packages build-essential cmake curl openssl python3-venv redis-server cvc5

# The real client of the tests, in an environment of its own.
$(VENV): tests/python/requirements.txt | test-packages
	python3 -m venv --clear .venv
	.venv/bin/pip install --quiet --disable-pip-version-check --requirement $<
	touch $@
