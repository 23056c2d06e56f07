package portsecurity

import (
	"encoding/binary"

	"github.com/google/nftables"

	"weft/hostnet/object"
)

// Rejected implements the engine's Rejecter. It says of a guest's elements how many frames were rejected, as of the last Sync.
func (d *Driver) Rejected(desired object.Object) []object.Rejected {
	m, ok := desired.(*object.PortSecurityElements)
	if !ok {
		return nil
	}
	for _, e := range m.Elements {
		if e.Set == object.PortSecurityGuests {
			return d.rejected.Of(e.Interface, m.OwnerUID)
		}
	}
	return nil
}

// rejectedOf reads the elements of set rejected: a device, the mark, and a counter.
func rejectedOf(elements []nftables.SetElement) map[object.RejectedBy[string]]uint64 {
	counts := map[object.RejectedBy[string]]uint64{}
	for _, e := range elements {
		if len(e.Key) < nameSize+4 || e.Counter == nil {
			continue
		}
		why := binary.NativeEndian.Uint32(e.Key[nameSize:])
		counts[object.RejectedBy[string]{Port: deviceOfKey(e.Key), Reason: object.RejectReason(why)}] = e.Counter.Packets
	}
	return counts
}
