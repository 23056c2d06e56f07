// Package openflow writes and reads the few OpenFlow messages that Weft itself exchanges with a switch. OpenFlow 1.4 is used for
// flow modifications in bundles (openflow-spec 1.4, 7.3.4 and 7.3.9), with the extensions of Open vSwitch (class NXM_NX, vendor
// Nicira). OpenFlow 1.0 is used for the configuration of ports.
//
// Invariants:
//   - The package is pure and does no I/O.
//   - The bytes are those that ovs-ofctl 3.1 sends for the same flow.
//   - What cannot be written exactly is refused, never approximated.
//   - No input causes a panic.
package openflow

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Version is OpenFlow 1.4 on the wire.
const Version = 5

// HeaderLen is the length of every message's header. MaxLen is the largest value of its length field.
const (
	HeaderLen = 8
	MaxLen    = 0xffff
)

// Type is a message's type.
type Type uint8

// The types that are written or read.
const (
	TypeHello          Type = 0
	TypeError          Type = 1
	TypeEchoRequest    Type = 2
	TypeEchoReply      Type = 3
	TypeFlowMod        Type = 14
	TypeBarrierRequest Type = 20
	TypeBundleControl  Type = 33
	TypeBundleAdd      Type = 34
)

// Header is what every message begins with.
type Header struct {
	Version uint8
	Type    Type
	Length  uint16 // of the message, header included
	XID     uint32
}

// ParseHeader reads a header. A length shorter than the header is an error.
func ParseHeader(b [HeaderLen]byte) (Header, error) {
	h := Header{b[0], Type(b[1]), binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint32(b[4:])}
	if h.Length < HeaderLen {
		return h, fmt.Errorf("openflow: a message says it has %d bytes: expected %d or more", h.Length, HeaderLen)
	}
	return h, nil
}

// AppendMessage appends a message with the body.
func AppendMessage(b []byte, t Type, xid uint32, body []byte) []byte {
	return append(appendHeader(b, t, HeaderLen+len(body), xid), body...)
}

func appendHeader(b []byte, t Type, length int, xid uint32) []byte {
	b = append(b, Version, byte(t))
	b = binary.BigEndian.AppendUint16(b, uint16(length))
	return binary.BigEndian.AppendUint32(b, xid)
}

// AppendHello appends the first message of a connection. It offers OpenFlow 1.4 and nothing else.
func AppendHello(b []byte, xid uint32) []byte {
	const elementBitmap = 1
	return AppendMessage(b, TypeHello, xid, []byte{0, elementBitmap, 0, 8, 0, 0, 0, 1 << Version})
}

// HelloSpeaks says whether the sender of a hello speaks OpenFlow 1.4. The bitmap decides, or without a bitmap the version
// (openflow-spec 1.4, 6.3.1).
func HelloSpeaks(version uint8, body []byte) bool {
	const elementBitmap = 1
	for len(body) >= 4 {
		kind, n := binary.BigEndian.Uint16(body), int(binary.BigEndian.Uint16(body[2:]))
		if n < 4 || n > len(body) {
			break
		}
		if kind == elementBitmap && n >= 8 {
			return binary.BigEndian.Uint32(body[4:])&(1<<Version) != 0
		}
		body = body[min(len(body), (n+7)&^7):]
	}
	return version >= Version
}

// BundleStep is what a bundle control message asks for.
type BundleStep uint16

// The steps of a bundle.
const (
	BundleOpen    BundleStep = 0
	BundleCommit  BundleStep = 4
	BundleDiscard BundleStep = 6
)

const (
	bundleID    = 0
	bundleFlags = 1 | 2 // atomic, ordered
)

// AppendBundleControl appends one step of the connection's bundle. The bundle is atomic and ordered.
func AppendBundleControl(b []byte, xid uint32, step BundleStep) []byte {
	b = appendHeader(b, TypeBundleControl, HeaderLen+8, xid)
	b = binary.BigEndian.AppendUint32(b, bundleID)
	b = binary.BigEndian.AppendUint16(b, uint16(step))
	return binary.BigEndian.AppendUint16(b, bundleFlags)
}

// AppendBarrier appends a request that the switch answers after it has handled everything before it.
func AppendBarrier(b []byte, xid uint32) []byte {
	return AppendMessage(b, TypeBarrierRequest, xid, nil)
}

// AppendBundleAdd appends a flow modification as a part of the connection's bundle. After an error b is unchanged.
func AppendBundleAdd(b []byte, xid uint32, m FlowMod) ([]byte, error) {
	start := len(b)
	b = appendHeader(b, TypeBundleAdd, 0, xid)
	b = binary.BigEndian.AppendUint32(b, bundleID)
	b = binary.BigEndian.AppendUint32(b, bundleFlags) // two bytes of padding before them
	b, err := m.append(b, xid)
	if err == nil && len(b)-start > MaxLen {
		err = errors.New("longer than a message can be")
	}
	if err != nil {
		return b[:start], fmt.Errorf("openflow: %w", err)
	}
	binary.BigEndian.PutUint16(b[start+2:], uint16(len(b)-start))
	return b, nil
}
