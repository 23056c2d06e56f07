package model

import (
	"encoding/json"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// TestCanonicalIntentsAreReadAsAnyOther: what Weft itself writes is read by a shorter way, and both ways say the same, whatever somebody
// changes in it.
func TestCanonicalIntentsAreReadAsAnyOther(t *testing.T) {
	t.Parallel()
	short := 0
	rapid.Check(t, func(t *rapid.T) {
		o := genObject().Draw(t, "object")
		data, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		id := o.ID()
		if rapid.IntRange(0, 5).Draw(t, "other key") == 0 {
			id.Name += "x"
		}
		changes := rapid.IntRange(0, 2).Draw(t, "changes")
		for range changes {
			at := rapid.IntRange(0, len(data)-1).Draw(t, "at")
			switch rapid.IntRange(0, 3).Draw(t, "change") {
			case 0:
				data[at] = rapid.Byte().Draw(t, "byte")
			case 1:
				data = append(data[:at:at], data[at+1:]...)
			case 2:
				data = append(data[:at:at], append([]byte(rapid.SampledFrom([]string{" ", `"name":"y",`, `"mtu":1,`, "0", "null", `"`, "]", "}"}).Draw(t, "text")), data[at:]...)...)
			case 3:
				data = append(data, data[at:]...)
			}
			if len(data) == 0 {
				break
			}
		}
		_, plain := AllKinds().decodePlain(id, data)
		if changes == 0 && plain != (id == o.ID() && o.Metadata.DisplayName == "") {
			t.Fatalf("%s: read as an object without a display name: %v", data, plain)
		}
		got, ok := AllKinds().decodeCanonical(id, data)
		want, err := AllKinds().decodeStrictly(id, data)
		if ok {
			short++
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("%s is read as\n%+v\nand strictly as\n%+v, %v", data, got, want, err)
			}
		}
	})
	if short == 0 {
		t.Error("nothing went the shorter way")
	}
}

func BenchmarkDecodeIntent(b *testing.B) {
	id := ID{"alpha", KindPort, "web-1"}
	data, err := json.Marshal(Object{APIVersion, KindPort, Metadata{Project: "alpha", Name: "web-1"}, &PortSpec{Network: "blue", Host: "h1"}})
	if err != nil {
		b.Fatal(err)
	}
	for name, read := range map[string]func() error{
		"canonical": func() error { _, err := DecodeIntent(id, data); return err },
		"strict":    func() error { _, err := AllKinds().decodeStrictly(id, data); return err },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
