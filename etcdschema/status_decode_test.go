package etcdschema

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"weft/model"
)

// usual is the status of a port as controllers write it.
const usual = `{"uid":"3f7c8a50-6a3e-4f0e-9b1c-0c6f6a3a7d11","phase":"Accepted","intentRevision":1234,"allocated":{"mac":"fa:16:3e:2f:80:88",` +
	`"addresses":["10.3.0.63","fd00:3::3e"]},"host":"h0007","nodes":{"h0007":{"desiredRevision":1300,"programmed":true}}}`

func usualStatusOf() Status {
	address := func(s string) model.Address { a, _ := model.ParseAddress(s); return a }
	return Status{UID: "3f7c8a50-6a3e-4f0e-9b1c-0c6f6a3a7d11", Phase: PhaseAccepted, IntentRevision: 1234,
		Allocated: Allocated{MAC: model.MAC{0xfa, 0x16, 0x3e, 0x2f, 0x80, 0x88}, Addresses: []model.Address{address("10.3.0.63"), address("fd00:3::3e")}},
		Host:      "h0007", Nodes: map[string]NodeStatus{"h0007": {DesiredRevision: 1300, Programmed: true}}}
}

// TestUsualStatusIsWhatIsWritten: most statuses are read by the short way. If what is written changes, this test says so.
func TestUsualStatusIsWhatIsWritten(t *testing.T) {
	t.Parallel()
	data, err := Encode(usualStatusOf())
	if err != nil || string(data) != usual {
		t.Errorf("written as\n%s\nexpected\n%s, %v", data, usual, err)
	}
	got, ok := usualStatus(data)
	if !ok || !reflect.DeepEqual(got, usualStatusOf()) {
		t.Errorf("read as %+v, %v", got, ok)
	}
}

// TestStatusesAreReadAsAnyOtherRecord: both ways say the same, whatever somebody changes in a status.
func TestStatusesAreReadAsAnyOtherRecord(t *testing.T) {
	t.Parallel()
	pieces := []string{" ", `"host":"x",`, `"uid":"x",`, "0", "-", "1e3", "null", "true", "false", `"`, `\`, `\u0041`, "]", "}", "{", "[", ",", "é", "\x00", "\xff",
		`,"h1":{"desiredRevision":1,"programmed":false}`, `,"reasons":[{"message":"m"}]`, `"warnings":[]`, `"10.0.0.1",`, `,"device":"tap0"`}
	short := 0
	rapid.Check(t, func(t *rapid.T) {
		s := usualStatusOf()
		if rapid.Bool().Draw(t, "no allocation") {
			s.Allocated = Allocated{}
		}
		if rapid.Bool().Draw(t, "no host") {
			s.Host = ""
		}
		if rapid.Bool().Draw(t, "no nodes") {
			s.Nodes = nil
		} else if rapid.Bool().Draw(t, "two nodes") {
			s.Nodes["h0008"] = NodeStatus{DesiredRevision: 7}
		}
		data, err := Encode(s)
		if err != nil {
			t.Fatal(err)
		}
		changes := rapid.IntRange(0, 2).Draw(t, "changes")
		for range changes {
			at, n := rapid.IntRange(0, len(data)).Draw(t, "at"), rapid.IntRange(0, 3).Draw(t, "removed")
			after := append([]byte(rapid.SampledFrom(append(pieces, "")).Draw(t, "text")), data[min(at+n, len(data)):]...)
			data = append(data[:at:at], after...)
		}
		got, ok := usualStatus(data)
		if changes == 0 && !ok {
			t.Fatalf("%s is not read by the short way", data)
		}
		if !ok {
			return
		}
		short++
		if want, err := Decode[Status](data); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%s is read as\n%+v\nand as any other record as\n%+v, %v", data, got, want, err)
		}
	})
	if short == 0 {
		t.Error("nothing went the short way")
	}
}

func FuzzStatus(f *testing.F) {
	f.Add([]byte(usual))
	f.Fuzz(func(t *testing.T, data []byte) {
		if got, ok := usualStatus(data); ok {
			if want, err := Decode[Status](data); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%+v, and %+v, %v", got, want, err)
			}
		}
	})
}

func BenchmarkDecodeStatus(b *testing.B) {
	for name, read := range map[string]func([]byte) (Status, error){"usual": DecodeStatus, "any": Decode[Status]} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := read([]byte(usual)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
