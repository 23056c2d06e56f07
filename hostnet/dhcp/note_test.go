package dhcp

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// TestAGuestDoesNotFillTheLog: with the rate of answers alone every guest could write twenty lines a second for ever.
func TestAGuestDoesNotFillTheLog(t *testing.T) {
	t.Parallel()
	d := New(nil, nil)
	t.Cleanup(func() { d.Close() })
	s, err := d.service(fullBinding())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	decline := from4(ask4(dhcpv4.MessageTypeDecline, requested("10.0.0.5"), toServer("10.0.0.2")), "0.0.0.0", "255.255.255.255")
	for range 500 {
		s.Answer(decline, log)
	}
	if n := strings.Count(out.String(), "\n"); n < 1 || n > notesBurst+1 {
		t.Errorf("500 messages wrote %d lines to the log, expected 1 to %d", n, notesBurst+1)
	}
}
