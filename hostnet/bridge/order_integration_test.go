//go:build integration

package bridge

import (
	"net"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// TestOlderNewsUndoNothing: what the driver has set is seen at once and stays, although somebody removed it just before. The
// notifications of that removal are older.
func TestOlderNewsUndoNothing(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	hand, err := b.space.Netlink(unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer hand.Close()
	b.run("ip", "link", "add", "tap1", "type", "veth", "peer", "name", "far1")
	// The driver does not make the bridge, because this kernel may lack some settings of our bridges.
	b.run("ip", "link", "add", "wfb1", "type", "bridge")
	b.run("ip", "link", "set", "wfb1", "up", "alias", object.AliasPrefix+networkUID)
	b.sync(b.d)
	guest := guestPortOf("tap1", guestMAC)
	b.must(create(guest))
	port, _ := b.d.find("tap1")
	for i := range 300 {
		err := hand.NeighDel(&netlink.Neigh{LinkIndex: port.Index, Family: unix.AF_BRIDGE, State: unix.NUD_NOARP, Flags: unix.NTF_MASTER,
			HardwareAddr: net.HardwareAddr(guestMAC[:])})
		if err == nil {
			err = hand.LinkSetNoMaster(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: port.Index}})
		}
		if err != nil {
			t.Fatal(err)
		}
		b.must(object.Change{Op: object.Update, Desired: guest})
		for len(b.events) > 0 {
			<-b.events
		}
		for range 3 {
			if have := b.observe(b.d, guest.Key()); have == nil || len(guest.Diff(have)) > 0 {
				t.Fatalf("turn %d: set, and seen as %+v", i, have)
			}
		}
	}
}
