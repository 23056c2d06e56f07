package openflow

import (
	"encoding/binary"
	"errors"

	"weft/hostnet/object"
)

// Parts of NXAST_LEARN2: flags, and headers for what a learned flow matches and does.
const (
	learnDeleteLearned = 2
	learnWriteResult   = 4
	learnMatchField    = 0x0000
	learnMatchValue    = 0x2000
	learnLoadField     = 0x0800
	learnLoadValue     = 0x2800
	learnLen           = 96
	learnRejectedLen   = 80
	learnMACLen        = 80
)

// appendLearn writes NXAST_LEARN2. A learned flow matches metadata, EtherType and IPv6 source of the packet, and loads reg6 into
// reg5. Bit 0 of reg4 says whether the flow could be learned.
func appendLearn(b []byte, a object.LearnLinkLocal) []byte {
	be := binary.BigEndian
	start := len(b)
	b = appendLearnHead(b, a, 0, learnLen, learnDeleteLearned|learnWriteResult)
	b = be.AppendUint32(b, register(4).header()) // bit 0 has the result
	b = appendSpec(b, learnMatchField, fieldMetadata(), fieldMetadata())
	b = be.AppendUint16(b, learnMatchValue|fieldEtherType().bits())
	b = be.AppendUint16(b, etherIPv6)
	b = append(be.AppendUint32(b, fieldEtherType().header()), 0, 0)
	b = appendSpec(b, learnMatchField, fieldIPv6Src(), fieldIPv6Src())
	b = appendSpec(b, learnLoadField, register(6), register(5))
	return pad(b, start)
}

// appendLearnRejected writes NXAST_LEARN2. A learned flow matches reg3 and the register of the port, and sets a bit of reg4. Without a limit
// ovs-ofctl would write another action (NXAST_LEARN).
func appendLearnRejected(b []byte, a object.LearnRejected) ([]byte, error) {
	if a.Limit == 0 {
		return b, errors.New("action learn: a limit of 0 is none: expected at least 1")
	}
	be := binary.BigEndian
	start := len(b)
	b = appendLearnHead(b, object.LearnLinkLocal{Table: a.Table, Cookie: a.Cookie, Limit: a.Limit, IdleTimeout: a.IdleTimeout}, 0, learnRejectedLen, learnDeleteLearned)
	for _, reg := range []uint8{3, a.Port} {
		b = appendSpec(b, learnMatchField, register(reg), register(reg))
	}
	b = be.AppendUint16(b, learnLoadValue|1)
	b = be.AppendUint16(b, 1)
	b = be.AppendUint16(be.AppendUint32(b, register(4).header()), uint16(a.Bit))
	return pad(b, start), nil
}

// appendLearnMAC writes NXAST_LEARN2. A learned flow matches metadata and, as destination, the source MAC of the packet, and sets a bit of reg4.
func appendLearnMAC(b []byte, a object.LearnMAC) ([]byte, error) {
	if a.Limit == 0 {
		return b, errors.New("action learn: a limit of 0 is none: expected at least 1")
	}
	be := binary.BigEndian
	start := len(b)
	b = appendLearnHead(b, object.LearnLinkLocal{Table: a.Table, Cookie: a.Cookie, Limit: a.Limit}, a.HardTimeout, learnMACLen, learnDeleteLearned)
	b = appendSpec(b, learnMatchField, fieldMetadata(), fieldMetadata())
	b = appendSpec(b, learnMatchField, fieldNXMEthSrc(), fieldNXMEthDst())
	b = be.AppendUint16(b, learnLoadValue|1)
	b = be.AppendUint16(b, 1)
	b = be.AppendUint16(be.AppendUint32(b, register(4).header()), uint16(a.Bit))
	return pad(b, start), nil
}

// appendLearnHead writes what all learn actions share: all but the field of the result and the specs.
func appendLearnHead(b []byte, a object.LearnLinkLocal, hard, length, flags uint16) []byte {
	be := binary.BigEndian
	b = appendNicira(b, niciraLearn2, length)
	b = be.AppendUint16(b, a.IdleTimeout)
	b = be.AppendUint16(b, hard)
	b = be.AppendUint16(b, defaultPriority)
	b = be.AppendUint64(b, a.Cookie)
	b = be.AppendUint16(b, flags)
	b = append(b, a.Table, 0, 0, 0, 0, 0)
	b = be.AppendUint32(b, a.Limit)
	return append(b, 0, 0, 0, 0) // the first bit of the result's field, and padding
}

// appendSpec writes one part of a learned flow: a whole field of the packet, and the field that it is matched with or loaded
// into.
func appendSpec(b []byte, kind uint16, from, to field) []byte {
	b = binary.BigEndian.AppendUint16(b, kind|from.bits())
	b = append(binary.BigEndian.AppendUint32(b, from.header()), 0, 0)
	return append(binary.BigEndian.AppendUint32(b, to.header()), 0, 0)
}
