package bridgefilter

import (
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"weft/hostnet/object"
)

// drawRule has few different values, so that rules meet often.
func drawRule(t *rapid.T) object.FilterRule {
	r := object.FilterRule{Protocol: rapid.SampledFrom([]uint8{0, 6, 17}).Draw(t, "protocol")}
	if r.Protocol != 0 && rapid.Bool().Draw(t, "ports") {
		r.First = rapid.Uint16Range(1, 12).Draw(t, "first")
		r.Last = rapid.Uint16Range(r.First, 12).Draw(t, "last")
	}
	if bits := rapid.SampledFrom([]int{0, 24, 26, 29, 32}).Draw(t, "bits"); bits > 0 {
		last := rapid.Uint8Range(0, 40).Draw(t, "address")
		r.Remote = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, last}), bits).Masked()
	}
	return r
}

func (b box) has(protocol uint8, port uint16, a netip.Addr) bool {
	return b.protocol[0] <= protocol && protocol <= b.protocol[1] && b.port[0] <= port && port <= b.port[1] && b.remote.Contains(a)
}

// TestLayers: no two boxes of a layer meet, so that the kernel takes them in any order, and together the layers match what the rules match.
func TestLayers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var boxes []box
		for range rapid.IntRange(0, 12).Draw(t, "rules") {
			boxes = append(boxes, boxOf(drawRule(t)))
		}
		all := layers(boxes)
		for _, layer := range all {
			for i, b := range layer {
				if meetsAny(b, layer[i+1:]) {
					t.Fatalf("%v meets another box of its layer %v", b, layer)
				}
			}
		}
		for range 50 {
			protocol, port := rapid.SampledFrom([]uint8{1, 6, 17, 255}).Draw(t, "protocol"), rapid.Uint16Range(0, 13).Draw(t, "port")
			a := netip.AddrFrom4([4]byte{10, 0, 0, rapid.Uint8Range(0, 45).Draw(t, "address")})
			has := func(b box) bool { return b.has(protocol, port, a) }
			want := slices.ContainsFunc(boxes, has)
			if got := slices.ContainsFunc(all, func(layer []box) bool { return slices.ContainsFunc(layer, has) }); got != want {
				t.Fatalf("protocol %d, port %d, %s: matched %v, expected %v", protocol, port, a, got, want)
			}
		}
	})
}

// TestFewLayers: rules as people write them need one lookup, and what another rule includes needs none.
func TestFewLayers(t *testing.T) {
	t.Parallel()
	tcp := func(first, last uint16, remote string) box {
		return boxOf(object.FilterRule{Protocol: 6, Ports: true, First: first, Last: last, Remote: netip.MustParsePrefix(remote)})
	}
	for name, c := range map[string]struct {
		boxes []box
		want  []int
	}{
		"none":               {nil, nil},
		"apart":              {[]box{tcp(22, 22, "10.0.0.0/8"), tcp(80, 81, "0.0.0.0/0"), tcp(443, 443, "0.0.0.0/0")}, []int{3}},
		"twice":              {[]box{tcp(22, 22, "10.0.0.0/8"), tcp(22, 22, "10.0.0.0/8")}, []int{1}},
		"one within another": {[]box{tcp(22, 22, "10.1.0.0/16"), tcp(1, 99, "10.0.0.0/8"), tcp(22, 23, "10.2.0.0/16")}, []int{1}},
		"crossed":            {[]box{tcp(1, 50, "10.1.0.0/16"), tcp(20, 99, "10.0.0.0/8"), tcp(98, 100, "10.0.0.0/8")}, []int{2, 1}},
	} {
		var sizes []int
		for _, layer := range layers(c.boxes) {
			sizes = append(sizes, len(layer))
		}
		if !slices.Equal(sizes, c.want) {
			t.Errorf("%s: layers of %v, expected %v", name, sizes, c.want)
		}
	}
}
