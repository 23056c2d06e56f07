package dhcp

import (
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"weft/hostnet/object"
)

// TestDeclineIsAWarning: a decline is reported until the guest has not repeated it for some time.
func TestDeclineIsAWarning(t *testing.T) {
	t.Parallel()
	d := New(nil, nil)
	t.Cleanup(func() { d.Close() })
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	d.now = func() time.Time { return now }
	b := fullBinding()
	s, err := d.service(b)
	if err != nil {
		t.Fatal(err)
	}
	decline := func(address string) {
		s.Answer(from4(ask4(dhcpv4.MessageTypeDecline, requested(address), toServer("10.0.0.2")), "0.0.0.0", "255.255.255.255"), slog.New(slog.DiscardHandler))
	}
	if decline("192.0.2.7"); len(d.Warnings(b)) != 0 {
		t.Error("an address that is not the port's was declined, and it is told of")
	}
	for range 100 {
		decline("10.0.0.5")
	}
	if len(d.news) != 1 || d.news[0] != b.Key() {
		t.Errorf("a hundred declines of a second: told of %v", d.news)
	}
	w := d.Warnings(b)
	if len(w) != 1 || w[0].Reason != object.WarnAddressDeclined || !strings.Contains(w[0].Message, "declined 10.0.0.5 at 2030-01-02T03:04:05Z") {
		t.Fatalf("warnings are %+v", w)
	}
	other := *b
	other.OwnerUID = "another"
	if len(d.Warnings(&other)) != 0 {
		t.Error("another port on the device has the warning")
	}
	now = now.Add(declineStands + time.Second)
	if len(d.Warnings(b)) != 0 {
		t.Error("long ago, and still told of")
	}
	d.hear(b, netip.MustParseAddr("2001:db8:1::5"))
	if len(d.Warnings(b)) != 1 {
		t.Error("an IPv6 address was declined and nobody is told")
	}
	d.Apply(context.Background(), []object.Change{{Op: object.Delete, Observed: b}})
	if len(d.Warnings(b)) != 0 {
		t.Error("the guest is gone, and still told of")
	}
}
