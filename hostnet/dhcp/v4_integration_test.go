//go:build integration

package dhcp

import (
	"testing"

	"weft/hostnet/object"
)

const configure4 = `case "$1" in bound|renew) ip address replace "$ip/$mask" dev "$interface";; esac`

func TestUdhcpcGetsItsLease(t *testing.T) {
	g := newGuest(t, "tap4a", guestMAC)
	d := startDriver(t)
	apply(t, d, object.Create, testBinding(g.device))
	g.run("udhcpc", "-f", "-q", "-n", "-i", "eth0", "-s", g.script("$1", configure4), "-t", "5", "-T", "1",
		"-O", "121", "-O", "mtu", "-O", "ntpsrv", "-O", "hostname", "-O", "search")
	g.wants("bound", map[string]string{
		"ip": "10.0.0.5", "mask": "24", "router": "10.0.0.1", "serverid": "10.0.0.2", "dns": "192.0.2.53",
		"domain": "alpha.example", "hostname": "web-1", "mtu": "1450", "ntpsrv": "192.0.2.123", "lease": "3600",
		"staticroutes": "0.0.0.0/0 10.0.0.1 192.168.7.0/24 10.0.0.9", "search": "alpha.example",
	})
}
