package model

import (
	"fmt"
	"strings"
	"testing"
)

func TestHostServiceFaults(t *testing.T) {
	t.Parallel()
	one := func(s string) string {
		return `"services": [{"name": "proxy", "port": 3128, "target": "127.0.0.1:3128"` + s + `}]`
	}
	at := func(port, target string) string {
		return fmt.Sprintf(`"services": [{"name": "proxy", "port": %s, "target": %q}]`, port, target)
	}
	const first = "spec.services[0]."
	faults := []fault{
		{one(``), "", ""},
		{one(`, "projects": ["alpha", "beta"]`), "", ""},
		{one(`, "projects": ["alpha", "alpha"]`), first + "projects[1]", "is given twice"},
		{one(`, "projects": ["Alpha"]`), first + "projects[0]", "is no name"},
		{`"services": [{"port": 1, "target": "127.0.0.1:1"}]`, first + "name", "is missing"},
		{`"services": [{"name": "a", "port": 1, "target": "[::1]:1"}, {"name": "a", "port": 2, "target": "[::1]:1"}]`, "spec.services[1].name", "already by spec.services[0]"},
		{`"services": [{"name": "a", "port": 1, "target": "[::1]:1"}, {"name": "b", "port": 1, "target": "[::1]:1"}]`, "spec.services[1].port", "already by spec.services[0]"},
		{at("0", "127.0.0.1:1"), first + "port", "is no TCP port"},
		{at("65536", "127.0.0.1:1"), first + "port", "is no TCP port"},
		{at("80", "127.0.0.1:80"), first + "port", "metadata service"},
	}
	for target, good := range map[string]bool{
		"127.0.0.1:65535": true, "127.255.255.254:1": true, "[::1]:3128": true, "unix:/run/s": true, "unix:/" + strings.Repeat("s", 106): true,
		"": false, "127.0.0.1": false, "127.0.0.1:0": false, "127.0.0.1:65536": false, "localhost:80": false, "192.0.2.1:80": false, "0.0.0.0:80": false,
		"[::]:80": false, "[::ffff:127.0.0.1]:80": false, "[fe80::1%lo]:80": false, "[::1%lo]:80": false, "10.0.0.1:2379": false,
		"unix:run/s": false, "unix:/": false, "unix:/run/../etc/s": false, "unix:/run//s": false, "unix:/run/s/": false, "unix:@abstract": false,
		"unix:/a b": false, "unix:/" + strings.Repeat("s", 107): false, "tcp:127.0.0.1:80": false,
	} {
		f := fault{at("1", target), first + "target", "is not where a service of the host can be"}
		if good {
			f = fault{at("1", target), "", ""}
		}
		faults = append(faults, f)
	}
	only(t, KindHost, faults)
	only(t, KindPort, []fault{
		{`"network": "n", "hostNet": "nic"`, "", ""},
		{`"network": "n", "hostNet": "piggyback"`, "", ""},
		{`"network": "n", "hostNet": "NIC"`, "spec.hostNet", "write nic or piggyback"},
	})
}

// TestHostNetNIC: names fit, ports with different devices have different ones, and the MAC is one that a guest may have.
func TestHostNetNIC(t *testing.T) {
	t.Parallel()
	names := map[string]string{}
	for _, device := range []string{"tap", "tap0", "tap1", "tap123456789012", "eth0", "vnet3", "0123456789abcde"} {
		name := HostNetDevice(device)
		if len(name) > 15 || name == device || names[name] != "" {
			t.Errorf("%s: %s, as %s", device, name, names[name])
		}
		names[name] = device
	}
	for _, mac := range []MAC{{0xfa, 0x16, 0x3e, 0, 0, 1}, {0x06, 0x57, 0x45, 0x46, 0x54, 1}, {0x06, 0x57, 0x45, 0x46, 0x54, 2}, {0, 0, 0, 0, 0, 1}} {
		if nic := HostNetMAC(mac); nic == mac || nic == serverMAC || nic == gatewayMAC || nic[0]&1 != 0 {
			t.Errorf("%s: %s", mac, nic)
		}
	}
}
