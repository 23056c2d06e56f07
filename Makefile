# Everything that is done with Weft's source. `make help` lists the targets.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Exact, so that a check says the same today and next year.
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.7.0
GOTESTSUM   := gotest.tools/gotestsum@v1.13.0

# Scenarios run two at a time: each is a small cloud.
PARALLEL ?= 2
FUZZTIME ?= 10s
FUZZCOUNT ?= 2000x
# lint vets everything, and more thoroughly than go test.
INTEGRATION := -tags integration -count=1 -vet=off -parallel $(PARALLEL)

# Packages with tests on real namespaces: the drivers, which have the race detector there, and the rest.
integrated = git grep -l '^//go:build integration' -- '*_test.go' | xargs -n1 dirname | sort -u | sed 's,^,./,'
drivers    = $(integrated) | grep '^./hostnet/'
clouds     = $(integrated) | grep -v '^./hostnet/'
# What `make test` leaves to `make drivers`, which runs all tests of these packages, except where some are for a build without the tag.
once       = $(drivers) | grep -vxF "$$(git grep -l '^//go:build !integration' -- '*_test.go' | xargs -n1 dirname | sed 's,^,./,')"
# A package's tests run while no other package's do. The time that is printed for it contains the wait. Others are built meanwhile.
LOCKED := -p 4 -exec "flock -o $(CURDIR)/bin/lock"

.PHONY: help build etcd unit test integration drivers clouds kernels scenarios scenario demo bench lint golden fuzz fuzzpass deps

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build weft, weftd and weft-controller into bin/
	@mkdir -p bin
	go build -trimpath -ldflags "-X weft/cmd/internal/service.linked=$$(git describe --tags --always --dirty --abbrev=12 2>/dev/null || true)" -o bin/ ./cmd/...

etcd: ## build etcd of the version that Weft is tested with into bin/
	@mkdir -p bin
	go build -trimpath -o bin/etcd go.etcd.io/etcd/server/v3

unit: ## run the tests that need neither root nor Open vSwitch, with the race detector
	go test -race -vet=off $(UNITS)
unit: UNITS ?= ./...

test: deps ## run every test: lint, unit, fuzz targets, integration, scenarios (root)
	@mkdir -p bin; began=$$SECONDS; told() { echo "== $$1: $$((SECONDS-began)) s"; began=$$SECONDS; }; \
	go build -o bin/vmexec ./integration/vm/vmexec; \
	bin/vmexec -fetch >bin/kernels.log 2>&1 & trap "kill $$! 2>/dev/null || true" EXIT; \
	$(MAKE) --no-print-directory lint; told lint; \
	$(MAKE) --no-print-directory unit UNITS="$$(go list ./... | grep -vxF "$$($(once) | sed 's,^./,weft/,')" | xargs)"; told unit; \
	$(MAKE) --no-print-directory integration BESIDE=fuzzpass; told integration

integration: deps ## run the tests on real namespaces, Open vSwitch and etcd, scenarios included (root)
	@mkdir -p bin; rc=0; \
	if test -n "$(BESIDE)"; then $(MAKE) --no-print-directory $(BESIDE) >bin/beside.log 2>&1 & beside=$$!; fi; \
	$(MAKE) --no-print-directory drivers || rc=$$?; \
	if test -n "$(BESIDE)"; then wait $$beside || rc=$$?; cat bin/beside.log; fi; \
	$(MAKE) --no-print-directory clouds || rc=$$?; \
	cat bin/drivers.json bin/clouds.json >bin/integration.json; \
	echo "the ten slowest:"; go run $(GOTESTSUM) tool slowest --num 10 --jsonfile bin/integration.json; exit $$rc

# Two packages at a time: their tests wait more than they compute, and each has namespaces of its own.
drivers: deps ## run the drivers' tests on real namespaces and Open vSwitch, with the race detector (root)
	@mkdir -p bin
	go run $(GOTESTSUM) --format pkgname --jsonfile bin/drivers.json -- -race $(INTEGRATION) -p 2 -timeout 20m $$($(drivers))

clouds: deps ## run the tests that have whole hosts or clouds, scenarios included (root)
	@mkdir -p bin
	go run $(GOTESTSUM) --format pkgname --jsonfile bin/clouds.json -- $(INTEGRATION) $(LOCKED) -timeout 70m $$($(clouds))

kernels: deps ## fetch and build the kernels of virtual machines that are not there yet (root)
	@mkdir -p bin
	go build -o bin/vmexec ./integration/vm/vmexec
	bin/vmexec -fetch

scenarios: deps ## run every scenario (root)
	go test $(INTEGRATION) -timeout 70m ./integration/scenario

scenario: deps ## NAME=vlan-isolation: run one scenario and show it (root)
	@test -n "$(NAME)" || { echo "make scenario NAME=…, one of:"; ls integration/scenario/*.txtar | sed 's,.*/\(.*\)\.txtar,  \1,'; exit 2; }
	@test -f "integration/scenario/$(NAME).txtar" || { echo "there is no integration/scenario/$(NAME).txtar"; exit 2; }
	go test $(INTEGRATION) -timeout 30m -v -run '^Test(Machine)?Scenario$$/^$(NAME)$$' ./integration/scenario

demo: deps build ## show the main job end to end; KEEP=1 leaves it up (root)
	@mkdir -p bin
	go build -o bin/ ./integration/demo ./integration/testbed/leasescript
	bin/demo -bin bin $(if $(KEEP),-keep)

bench: deps ## measure everything and print one table (root)
	@mkdir -p bin
	go build -o bin/bench ./integration/bench
	bin/bench

lint: ## gofmt, go mod tidy, go vet, staticcheck
	go mod tidy -diff
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "gofmt these:"; echo "$$unformatted"; exit 1; }
	go vet ./... && go vet -tags integration ./...
	go run $(STATICCHECK) -tags integration ./...

golden: deps ## write the golden files of all tests anew
	go test $$(git grep -l 'flag.Bool("update"' -- '*_test.go' | grep -v _integration_test.go | xargs -n1 dirname | sort -u | sed 's,^,./,') -update
	go test -tags integration ./hostnet/ovs -run '^TestSameBytesAsOfctl$$' -update

fuzz: ## run every fuzz target for FUZZTIME (10s)
	@for dir in $$(git grep -l '^func Fuzz' -- '*_test.go' | xargs -n1 dirname | sort -u); do \
		for f in $$(grep -ho '^func Fuzz[A-Za-z0-9_]*' $$dir/*_test.go | sed 's/func //'); do \
			echo "fuzz $$dir $$f"; go test ./$$dir -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime=10x; \
		done; done

# Only Weft's packages are instrumented, in one build for all targets: what others wrote is built already.
fuzzpass: ## run every fuzz target for a moment (FUZZCOUNT inputs)
	@mkdir -p bin/fuzz
	@go test -c -vet=off -gcflags='weft/...=-d=libfuzzer' -o bin/fuzz/ $$(git grep -l '^func Fuzz' -- '*_test.go' | xargs -n1 dirname | sort -u | sed 's,^,./,')
	@cache=$$(go env GOCACHE)/fuzz; git grep -o '^func Fuzz[A-Za-z0-9_]*' -- '*_test.go' | sed 's,/[^/]*:func , ,' | while read -r dir target; do \
		out=$$(cd "$$dir" && "$(CURDIR)/bin/fuzz/$${dir##*/}.test" -test.run '^$$' -test.fuzz "^$$target$$" -test.fuzztime $(FUZZCOUNT) \
			-test.fuzzminimizetime 10x -test.parallel 1 -test.fuzzcachedir "$$cache/weft/$$dir" 2>&1 </dev/null) && echo "fuzz $$dir $$target" || { echo "$$out"; exit 1; }; \
	done

# What the tests and the demo use, as command and Debian package.
DEPS := ovs-vswitchd:openvswitch-switch ovsdb-server:openvswitch-switch nft:nftables ip:iproute2 tc:iproute2 ping:iputils-ping \
	arping:iputils-arping udhcpc:udhcpc dhclient:isc-dhcp-client rdisc6:ndisc6 iperf3:iperf3 tcpdump:tcpdump \
	ethtool:ethtool etcdctl:etcd-client gcc:gcc,libc6-dev \
	keepalived:keepalived qemu-system-x86_64:qemu-system-x86 depmod:kmod xz:xz-utils systemctl:systemd make:make flex:flex bison:bison bc:bc \
	python3:python3 curl:curl blkid:util-linux sysctl:procps dbus-daemon:dbus-daemon

deps: ## install from Debian what is missing; no daemon is started (root)
	@missing=; for d in $(DEPS); do \
		PATH="$$PATH:/usr/sbin:/sbin" command -v "$${d%%:*}" >/dev/null || missing="$$missing $${d#*:}"; done; \
	missing=$$(echo $$missing | tr ' ,' '\n\n' | sort -u | xargs); \
	test -n "$$missing" || exit 0; \
	echo "installing from Debian: $$missing"; \
	test "$$(id -u)" = 0 || { echo "that needs root: run make as root, or apt-get install $$missing"; exit 1; }; \
	if [ ! -e /usr/sbin/policy-rc.d ]; then \
		trap 'rm -f /usr/sbin/policy-rc.d' EXIT; \
		printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d; \
	fi; \
	export DEBIAN_FRONTEND=noninteractive; \
	apt-get update -q; \
	apt-get install -q -y --no-install-recommends $$missing
