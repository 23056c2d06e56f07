package claimed

// maxSegments bounds VLAN ids (IEEE 802.1Q: 12 bits).
const maxSegments = 4096

// Segments tells which VLAN ids of a physical network are claimed; 0 stands for its untagged frames. The zero value is empty.
type Segments struct{ has [maxSegments]bool }

// Change adds a VLAN id, or removes it. Of a larger number it takes the lowest 12 bits.
func (s *Segments) Change(vlan uint16, add bool) { s.has[vlan%maxSegments] = add }

// Free lists the lowest VLAN ids from first to last that are not in the set, at most this many.
func (s *Segments) Free(first, last uint16, most int) (free []uint16) {
	for v := int(first); v <= int(last) && v < maxSegments && len(free) < most; v++ {
		if !s.has[v] {
			free = append(free, uint16(v))
		}
	}
	return free
}
