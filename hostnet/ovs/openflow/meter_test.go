package openflow

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"strings"
	"testing"

	"weft/hostnet/object"
)

// TestMeterBytes: as ovs-ofctl 3.1 sends them (openflow-spec 1.4, 7.3.4.4 and 7.3.5).
func TestMeterBytes(t *testing.T) {
	t.Parallel()
	m := object.Meter{ID: 0x102, Unit: object.MeterKbps, Rate: 10000, Burst: 5000}
	p := object.Meter{ID: 3, Unit: object.MeterPktps, Rate: 100, Burst: 50}
	mod := func(c MeterCommand, m object.Meter) []byte {
		b, err := AppendMeterMod([]byte{9}, 7, c, m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for want, got := range map[string][]byte{
		"051d002000000007" + "0000000d00000102" + "00010010000027100000138800000000": mod(MeterAdd, m),
		"051d002000000007" + "0001000e00000003" + "00010010000000640000003200000000": mod(MeterModify, p),
		"051d001000000007" + "0002000000000102":                                      mod(MeterDelete, m),
		"0512001800000007" + "000a000000000000" + "ffffffff00000000":                 AppendMeterConfigRequest([]byte{9}, 7),
		"0512001800000007" + "0009000000000000" + "ffffffff00000000":                 AppendMeterStatsRequest([]byte{9}, 7),
	} {
		if !bytes.Equal(got, append([]byte{9}, unhex(t, want)...)) {
			t.Errorf("%x, want 09%s", got, want)
		}
	}
	if b, err := AppendMeterMod([]byte{9}, 7, MeterAdd, object.Meter{ID: 4, Unit: "mbps"}); err == nil || !bytes.Equal(b, []byte{9}) {
		t.Errorf("a unit that does not exist: %x, %v", b, err)
	}
}

// TestMeterConfigs: what AppendMeterMod makes is read back as it was, and everything else is strange.
func TestMeterConfigs(t *testing.T) {
	t.Parallel()
	const head = "000a000100000000"
	for text, want := range map[string][]object.Meter{
		"": nil,
		"0018000d00000102" + "00010010000027100000138800000000" + "0018000600000003" + "00010010000000640000003200000000": {
			{ID: 0x102, Unit: object.MeterKbps, Rate: 10000, Burst: 5000}, {ID: 3, Unit: object.MeterPktps, Rate: 100, Burst: 50}},
		"0018000900000001" + "00010010000027100000000000000000": {{ID: 1, Unit: object.MeterKbps, Rate: 10000, Strange: "has no burst"}},
		"0018001d00000001" + "00010010000027100000138800000000": {{ID: 1, Unit: object.MeterKbps, Rate: 10000, Burst: 5000, Strange: "has the flags 0x1d"}},
		"0018000d00000001" + "00020010000027100000138800000000": {{ID: 1, Unit: object.MeterKbps, Rate: 10000, Burst: 5000, Strange: "has a band of type 2"}},
		"0008000d00000001": {{ID: 1, Unit: object.MeterKbps, Strange: "has 0 bands"}},
		"0028000d00000001" + "00010010000000010000000200000000" + "00010010000027100000138800000000": {{ID: 1, Unit: object.MeterKbps, Rate: 1, Burst: 2, Strange: "has 2 bands"}},
		"0018000f00000001" + "00010010000027100000138800000000":                                      {{ID: 1, Rate: 10000, Burst: 5000}},
	} {
		body := unhex(t, head+text)
		got, err := ParseMeterConfigs(body)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", text, got, err, want)
		}
		if !MultipartContinues(body) {
			t.Error("more parts follow, and nobody says so")
		}
	}
	for text, want := range map[string]string{
		"":                        "not about the configuration",
		"0009000000000000":        "not about the configuration",
		head + "00":               "1 bytes are left",
		head + "0007000d00000001": "says it has 7",
		head + "0009000d00000001": "says it has 9",
		head + "0018000d00000001" + "0001000f000027100000138800000000": "a band is cut off",
		head + "0018000d00000001" + "00010011000027100000138800000000": "a band is cut off",
		head + "0010000d00000001" + "0001001000002710":                 "a band is cut off",
	} {
		if got, err := ParseMeterConfigs(unhex(t, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, %v; want %q", text, got, err, want)
		}
	}
}

// TestMeterStats reads statistics with one band, with two, and with none.
func TestMeterStats(t *testing.T) {
	t.Parallel()
	one := func(id, flows byte, drops ...byte) []byte {
		b := make([]byte, meterStatsLen)
		b[3], b[15], b[23], b[31] = id, flows, 100, 200
		for _, d := range drops {
			b = append(b, 0, 0, 0, 0, 0, 0, 0, d, 0, 0, 0, 0, 0, 0, 0, 1)
		}
		binary.BigEndian.PutUint16(b[4:], uint16(len(b)))
		return b
	}
	head := []byte{0, 9, 0, 0, 0, 0, 0, 0}
	body := bytes.Join([][]byte{head, one(1, 2, 3), one(4, 0), one(5, 1, 6, 7)}, nil)
	got, err := ParseMeterStats(body)
	want := []MeterStats{{1, 2, 100, 200, 3}, {4, 0, 100, 200, 0}, {5, 1, 100, 200, 13}}
	if err != nil || !reflect.DeepEqual(got, want) || MultipartContinues(body) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	for cut := 1; cut < len(one(1, 2, 3)); cut++ {
		if _, err := ParseMeterStats(append(bytes.Clone(head), one(1, 2, 3)[:cut]...)); err == nil {
			t.Errorf("%d bytes of a meter pass", cut)
		}
	}
	if _, err := ParseMeterStats([]byte{0, 10, 0, 0, 0, 0, 0, 0}); err == nil {
		t.Error("another answer passes")
	}
}

// FuzzMeterAnswers: no answer makes the parsers panic, and what they read fits into the answer.
func FuzzMeterAnswers(f *testing.F) {
	f.Add([]byte{0, 10, 0, 0, 0, 0, 0, 0, 0, 24, 0, 13, 0, 0, 0, 1, 0, 1, 0, 16, 0, 0, 39, 16, 0, 0, 19, 136, 0, 0, 0, 0})
	f.Add(append([]byte{0, 9, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 40}, make([]byte, 34)...))
	f.Fuzz(func(t *testing.T, body []byte) {
		MultipartContinues(body)
		if meters, err := ParseMeterConfigs(body); err == nil && len(meters)*meterHeaderLen > len(body) {
			t.Errorf("%d meters in %d bytes", len(meters), len(body))
		}
		if stats, err := ParseMeterStats(body); err == nil && len(stats)*meterStatsLen > len(body) {
			t.Errorf("statistics of %d meters in %d bytes", len(stats), len(body))
		}
	})
}
