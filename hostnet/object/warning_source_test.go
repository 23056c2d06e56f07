package object

import (
	"strings"
	"testing"
	"time"
)

func TestSourceWatch(t *testing.T) {
	t.Parallel()
	var w SourceWatch
	for i, look := range []struct {
		sent, passed uint64
		unheard      bool
	}{
		{10, 7, false}, // the first look has nothing to compare with
		{20, 7, false}, // one look is too few
		{22, 7, false}, // two frames are too few
		{25, 7, true},
		{25, 7, true},  // nothing was sent since
		{30, 8, false}, // heard
		{40, 8, false},
		{5, 8, false}, // new counters
		{10, 8, false},
		{20, 0, false}, // new counters
		{30, 0, false},
		{40, 0, true},
		{0, 0, false}, // new counters; now it sends one frame at a time
		{1, 0, false},
		{2, 0, false},
		{3, 0, false},
		{4, 0, false},
		{5, 0, false},
		{6, 0, true},
		{7, 1, false}, // heard
		{9, 1, false},
		{11, 2, false},
		{13, 2, false},
		{15, 2, false},
		{16, 2, false},
		{17, 2, false},
		{18, 2, true},
	} {
		if w.Look(look.sent, look.passed); w.Unheard() != look.unheard {
			t.Errorf("look %d: unheard %v", i, w.Unheard())
		}
	}
}

// TestWarningTexts: a warning says what was seen and what to do, also if not everything is known.
func TestWarningTexts(t *testing.T) {
	t.Parallel()
	port, other := MAC{0xfa, 0x16, 0x3e, 0, 1, 0xa}, MAC{2, 0, 0, 0, 0, 1}
	for _, c := range []struct {
		warning Warning
		reason  WarningReason
		has     []string
		not     string
	}{
		{ForeignSource(port, MAC{}), WarnForeignSource, []string{port.String(), "(tcpdump -e on its device)"}, "came from"},
		{ForeignSource(port, other), WarnForeignSource, []string{port.String(), "(the first frame came from 02:00:00:00:00:01; tcpdump"}, "%!"},
		{LinkLocalLimit(8, time.Hour, "for up to 5m"), WarnLinkLocalLimit, []string{"used 8 link-local addresses within 1h0m0s", "does not work for up to 5m;"}, "%!"},
	} {
		for _, text := range c.has {
			if c.warning.Reason != c.reason || !strings.Contains(c.warning.Message, text) || strings.Contains(c.warning.Message, c.not) {
				t.Errorf("%+v", c.warning)
			}
		}
	}
}
