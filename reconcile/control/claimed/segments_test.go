package claimed

import (
	"slices"
	"testing"
)

func TestSegmentsListsTheLowestFree(t *testing.T) {
	t.Parallel()
	var s Segments
	for _, v := range []uint16{101, 103, 4094} {
		s.Change(v, true)
	}
	s.Change(103, false)
	for _, c := range []struct {
		first, last uint16
		most        int
		want        []uint16
	}{
		{100, 104, 3, []uint16{100, 102, 103}},
		{100, 104, 9, []uint16{100, 102, 103, 104}},
		{101, 101, 9, nil},
		{100, 104, 0, nil},
		{4093, 65535, 9, []uint16{4093, 4095}},
	} {
		if got := s.Free(c.first, c.last, c.most); !slices.Equal(got, c.want) {
			t.Errorf("%d of %d to %d: %v, expected %v", c.most, c.first, c.last, got, c.want)
		}
	}
}
