package hostfilter

import (
	"strings"
	"testing"

	"weft/hostnet/object"
	"weft/integration/limits"
)

// TestAStarIsACharacter: a star at the end of a name would mean every name with that prefix.
func TestAStarIsACharacter(t *testing.T) {
	t.Parallel()
	text := tableText([]string{"tap0", "tap*"})
	if want := `elements = { "tap0", "tap\*" }`; strings.Count(text, want) != 2 {
		t.Errorf("%s is not in both tables:\n%s", want, text)
	}
}

// TestDoor: every silent device of accepted intent is an element of the sets, in a form that nft reads.
func TestDoor(t *testing.T) {
	t.Parallel()
	limits.Check(t, func(t limits.T, h limits.Host) {
		for _, o := range h.Objects() {
			if d, is := o.(*object.SilentDevice); is && (len(d.Device) == 0 || len(d.Device) >= nameSize || strings.ContainsAny(d.Device, "\"\\*\n")) {
				t.Fatalf("nft has no words for device %q", d.Device)
			}
		}
	})
}
