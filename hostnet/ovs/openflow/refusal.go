package openflow

import (
	"encoding/binary"
	"fmt"
)

// Refusal is the switch's error for one message (openflow-spec 1.4, 7.5.4).
type Refusal struct {
	Type, Code uint16
	// Vendor and VendorCode are set if Type is experimenter. Open vSwitch has its own errors of that type.
	Vendor     uint32
	VendorCode uint16
}

const typeExperimenter = 0xffff

// ParseRefusal reads the body of an error message.
func ParseRefusal(body []byte) (Refusal, error) {
	if len(body) < 4 {
		return Refusal{}, fmt.Errorf("openflow: an error message has a body of %d bytes: expected 4 or more", len(body))
	}
	r := Refusal{Type: binary.BigEndian.Uint16(body), Code: binary.BigEndian.Uint16(body[2:])}
	if r.Type == typeExperimenter && len(body) >= 8 {
		r.Vendor, r.VendorCode = binary.BigEndian.Uint32(body[4:]), r.Code
	}
	return r, nil
}

// Error implements error.
func (r Refusal) Error() string {
	if r.Type == typeExperimenter {
		return fmt.Sprintf("the switch refuses it: error %d of vendor %#x", r.VendorCode, r.Vendor)
	}
	name := map[uint16]string{1: "bad request", 2: "bad action", 3: "bad instruction", 4: "bad match", 5: "flow modification failed",
		13: "bad property", 17: "bundle failed"}[r.Type]
	if name == "" {
		name = fmt.Sprintf("error type %d", r.Type)
	}
	return fmt.Sprintf("the switch refuses it: %s, code %d", name, r.Code)
}
