package guestconfig

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write the goldens instead of comparing with them")

const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f ops@example"

func mac(s string) net.HardwareAddr {
	m, err := net.ParseMAC(s)
	if err != nil {
		panic(err)
	}
	return m
}

func addresses(list ...string) (out []netip.Addr) {
	for _, s := range list {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

func prefixes(list ...string) (out []netip.Prefix) {
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// guests are the shapes that each renderer must know.
func guests() map[string]Guest {
	dual := NIC{ID: "port-1", NetworkID: "net-1", MAC: mac("fa:16:3e:00:00:01"), MTU: 1450,
		Addresses: prefixes("10.0.0.5/24", "2001:db8::5/64"), Gateways: addresses("10.0.0.1", "2001:db8::1"),
		Routes: []Route{{Destination: netip.MustParsePrefix("192.168.0.0/16"), Gateway: netip.MustParseAddr("10.0.0.9")}},
		DNS:    addresses("10.0.0.53", "2001:db8::53"), Search: []string{"blue.example"}}
	second := NIC{ID: "port-2", NetworkID: "net-2", MAC: mac("fa:16:3e:00:00:02"), MTU: 9000,
		Addresses: prefixes("10.2.0.5/24", "10.2.0.6/24", "2001:db8:2::5/64"), Gateways: addresses("10.2.0.1", "fe80::1"),
		Routes: []Route{{Destination: netip.MustParsePrefix("0.0.0.0/0"), Gateway: netip.MustParseAddr("10.2.0.1")},
			{Destination: netip.MustParsePrefix("10.3.0.0/16"), Gateway: netip.MustParseAddr("10.2.0.1")}}}
	hoster := NIC{ID: "port-3", NetworkID: "net-3", MAC: mac("fa:16:3e:00:00:03"),
		Addresses: prefixes("10.9.0.1/32", "2001:db8:9::1/128"), Gateways: addresses("192.0.2.1", "fe80::1"),
		Routes: []Route{{Destination: netip.MustParsePrefix("10.8.0.0/16"), Gateway: netip.MustParseAddr("192.0.2.1")},
			{Destination: netip.MustParsePrefix("192.0.2.9/32")}}}
	asking, asking2 := dual, second
	asking.DHCP, asking2.DHCP = true, true
	g := Guest{InstanceID: "0e4e2b1c-0000-4000-8000-000000000001", Project: "alpha", Name: "web-1", Hostname: "web-1", Domain: "blue.example",
		UserData: []byte("#!/bin/sh\nexit 0\n"), SSHKeys: []string{key, key + ` "quoted" <b>`}, Metadata: []Item{{"role", "web"}, {"a: b", `"c" <d>`}}}
	with := func(nics ...NIC) Guest { h := g; h.NICs = nics; return h }
	bare := Guest{InstanceID: "id", Project: "alpha", Name: "bare", Hostname: "bare",
		NICs: []NIC{{ID: "port-4", NetworkID: "net-4", MAC: mac("fa:16:3e:00:00:04"), Addresses: prefixes("2001:db8::4/64")}}}
	return map[string]Guest{"dual": with(dual), "two-nics": with(dual, second), "on-link": with(hoster), "on-link-second": with(dual, hoster),
		"dhcp": with(asking, asking2), "bare": bare}
}

func renderers() map[string]func(Guest) []File {
	return map[string]func(Guest) []File{"openstack": OpenStack, "service": served, "nocloud": noCloud(false), "nocloud-netplan": noCloud(true),
		"netplan": Netplan, "interfaces": Interfaces,
		"networkd": Networkd, "networkmanager": NetworkManager}
}

func noCloud(netplan bool) func(Guest) []File {
	return func(g Guest) []File { return NoCloud(g, netplan) }
}

// text shows the files. Files that are the same as one before are named only.
func text(files []File) string {
	var b strings.Builder
	seen := map[string]string{}
	for _, f := range files {
		fmt.Fprintf(&b, "-- %s %o --\n", f.Path, f.Mode)
		if first, ok := seen[string(f.Data)]; ok && len(f.Data) > 20 {
			fmt.Fprintf(&b, "(as %s)\n", first)
			continue
		}
		seen[string(f.Data)] = f.Path
		b.Write(f.Data)
	}
	return b.String()
}

// TestGoldens compares what each renderer makes of each guest with testdata/<guest>.<renderer>.
func TestGoldens(t *testing.T) {
	t.Parallel()
	for name, g := range guests() {
		for kind, render := range renderers() {
			got := text(render(g))
			if again := text(render(g)); again != got {
				t.Errorf("%s as %s is written in two ways", name, kind)
			}
			file := filepath.Join("testdata", name+"."+kind)
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s differs (-want +got), -update accepts it:\n%s", file, diff)
			}
		}
	}
}

// TestDocumentsAreRead: what is JSON or YAML is read as such, and keeps what it was given.
func TestDocumentsAreRead(t *testing.T) {
	t.Parallel()
	for name, g := range guests() {
		for _, f := range slices.Concat(OpenStack(g), NoCloud(g, false), NoCloud(g, true), Netplan(g)) {
			var v any
			switch base := filepath.Base(f.Path); {
			case strings.HasSuffix(base, ".json"):
				if err := json.Unmarshal(f.Data, &v); err != nil {
					t.Errorf("%s: %s: %v", name, f.Path, err)
				}
			case base == "user_data" || base == "user-data":
				if !bytes.Equal(f.Data, g.UserData) {
					t.Errorf("%s: %s is %q", name, f.Path, f.Data)
				}
			default:
				if err := yaml.Unmarshal(f.Data, &v); err != nil {
					t.Errorf("%s: %s: %v", name, f.Path, err)
				}
			}
			if f.Path == "meta-data" && len(g.SSHKeys) > 0 {
				if got := v.(map[string]any)["public-keys"].([]any)[1]; got != g.SSHKeys[1] {
					t.Errorf("the key became %q", got)
				}
			}
		}
	}
}

// TestOnlyTheFirstNICHasDefaultRoutes: wherever the default route of another NIC comes from.
func TestOnlyTheFirstNICHasDefaultRoutes(t *testing.T) {
	t.Parallel()
	g := guests()["two-nics"]
	for i := range g.NICs {
		n := 0
		for _, r := range g.routes(i) {
			if r.isDefault() {
				n++
			}
		}
		if want := 2 * (1 - i); n != want {
			t.Errorf("NIC %d has %d default routes, expected %d", i, n, want)
		}
	}
}

// TestNetplanTakesBothFamiliesRoutes: netplan refuses all of its files if the families of a NIC that asks by DHCP differ in use-routes.
func TestNetplanTakesBothFamiliesRoutes(t *testing.T) {
	t.Parallel()
	var config struct {
		Network struct {
			Ethernets map[string]struct {
				Four *struct {
					UseRoutes bool `yaml:"use-routes"`
				} `yaml:"dhcp4-overrides"`
				Six *struct {
					UseRoutes bool `yaml:"use-routes"`
				} `yaml:"dhcp6-overrides"`
			}
		}
	}
	if err := yaml.Unmarshal(Netplan(guests()["dhcp"])[0].Data, &config); err != nil {
		t.Fatal(err)
	}
	for name, e := range config.Network.Ethernets {
		if first := name == "weft0"; first != (e.Four == nil) || first != (e.Six == nil) || !first && *e.Four != *e.Six {
			t.Errorf("%s has the overrides %v and %v", name, e.Four, e.Six)
		}
	}
	if len(config.Network.Ethernets) != 2 {
		t.Errorf("%d interfaces are read, expected 2", len(config.Network.Ethernets))
	}
}

func TestFQDN(t *testing.T) {
	t.Parallel()
	for want, g := range map[string]Guest{"a": {Hostname: "a"}, "a.b.c": {Hostname: "a", Domain: "b.c"}, "x.y": {Hostname: "x.y", Domain: "b.c"}} {
		if got := g.FQDN(); got != want {
			t.Errorf("%q, expected %q", got, want)
		}
	}
}
