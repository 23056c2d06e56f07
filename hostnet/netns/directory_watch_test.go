package netns

import (
	"encoding/binary"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// event is an event as the kernel writes it.
func event(mask uint32, name string) []byte {
	b := make([]byte, unix.SizeofInotifyEvent)
	binary.NativeEndian.PutUint32(b[4:], mask)
	padded := append([]byte(name), make([]byte, 16-len(name)%16)...)
	if name == "" {
		padded = nil
	}
	binary.NativeEndian.PutUint32(b[12:], uint32(len(padded)))
	return append(b, padded...)
}

func TestEachName(t *testing.T) {
	t.Parallel()
	var got []string
	note := func(n string) { got = append(got, n) }
	data := slices.Concat(event(unix.IN_CREATE, "weft-a"), event(unix.IN_DELETE, "b"), event(unix.IN_Q_OVERFLOW, ""))
	if err := eachName(data, note); err != nil || !slices.Equal(got, []string{"weft-a", "b", ""}) {
		t.Errorf("%q, %v", got, err)
	}
	got = nil
	if err := eachName(slices.Concat(event(unix.IN_DELETE_SELF, ""), event(unix.IN_CREATE, "a")), note); err == nil || !slices.Equal(got, []string{""}) {
		t.Errorf("the directory's end: %q, %v", got, err)
	}
	for n := range data {
		_ = eachName(data[:n], note) // never panics
	}
	if err := eachName(event(unix.IN_CREATE, "weft-a")[:unix.SizeofInotifyEvent+1], note); err == nil {
		t.Error("a name that is cut off was taken")
	}
}
