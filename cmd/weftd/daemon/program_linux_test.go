package daemon

import (
	"slices"
	"strings"
	"testing"
)

// TestOnlyCleanPagesOfTheProgramAreForgotten: what was written to, what is another file, and memory without a file stay.
func TestOnlyCleanPagesOfTheProgramAreForgotten(t *testing.T) {
	t.Parallel()
	const text = `00400000-00f4d000 r-xp 00000000 fe:00 123                                /usr/bin/weft d
Size:              11572 kB
Rss:               11000 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
00f4d000-01b00000 r--p 00b4d000 fe:00 123                                /usr/bin/weft d
Anonymous:             0 kB
01b00000-01c00000 r--p 01700000 fe:00 123                                /usr/bin/weft d
Anonymous:             4 kB
01c00000-01d00000 rw-p 01800000 fe:00 123                                /usr/bin/weft d
Anonymous:             0 kB
01d00000-03e00000 rw-p 00000000 00:00 0
Anonymous:           400 kB
7f0000000000-7f0000001000 r-xp 00000000 fe:00 9                          /usr/lib/libc.so.6
Anonymous:             0 kB
`
	got, err := programMappings(strings.NewReader(text), "/usr/bin/weft d")
	want := []mapping{{0x400000, 0xf4d000, true}, {0xf4d000, 0x1b00000, true}, {0x1b00000, 0x1c00000, false}, {0x1c00000, 0x1d00000, false}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v, expected %+v", got, err, want)
	}
}

// TestProgramRunsOn: a program that has forgotten its pages still has them.
func TestProgramRunsOn(t *testing.T) {
	t.Parallel()
	own, err := ownMappings()
	if err != nil || !slices.ContainsFunc(own, func(m mapping) bool { return m.clean }) {
		t.Fatalf("%+v, %v", own, err)
	}
	for range 3 {
		if err := forgetProgram(own); err != nil {
			t.Fatal(err)
		}
	}
}
