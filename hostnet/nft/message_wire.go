package nft

import (
	"encoding/binary"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// attribute is one netlink attribute (struct nlattr): a type and its bytes. Numbers in nfnetlink are big-endian. Lengths and
// types are in the host's byte order.
type attribute struct {
	kind uint16
	data []byte
}

// nested is an attribute that holds others.
func nested(kind uint16, inner ...attribute) attribute {
	return attribute{kind | unix.NLA_F_NESTED, appendAttributes(nil, inner)}
}

func number(kind uint16, v uint32) attribute {
	return attribute{kind, binary.BigEndian.AppendUint32(nil, v)}
}

func text(kind uint16, s string) attribute { return attribute{kind, append([]byte(s), 0)} }

func appendAttributes(b []byte, attributes []attribute) []byte {
	for _, a := range attributes {
		b = appendAttribute(b, a.kind, a.data)
	}
	return b
}

// appendAttribute appends an attribute, padded to four bytes.
func appendAttribute[T string | []byte](b []byte, kind uint16, data T) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofNlAttr+len(data)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, data...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// appendNested appends an attribute that holds what fill appends.
func appendNested(b []byte, kind uint16, fill func([]byte) []byte) []byte {
	start := len(b)
	b = fill(appendAttribute(b, kind|unix.NLA_F_NESTED, ""))
	binary.NativeEndian.PutUint16(b[start:], uint16(len(b)-start))
	return b
}

// parseAttributes calls fn for each attribute of a message or of a nested attribute. The flags are removed from the type.
func parseAttributes(b []byte, fn func(kind uint16, data []byte) error) error {
	for len(b) >= unix.SizeofNlAttr {
		size := int(binary.NativeEndian.Uint16(b))
		if size < unix.SizeofNlAttr || size > len(b) {
			return fmt.Errorf("netlink attribute of %d bytes in %d", size, len(b))
		}
		kind := binary.NativeEndian.Uint16(b[2:]) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
		if err := fn(kind, b[unix.SizeofNlAttr:size]); err != nil {
			return err
		}
		b = b[min((size+3)&^3, len(b)):]
	}
	return nil
}

// attributesOf collects the attributes of an nf_tables message. Each type occurs once.
func attributesOf(m syscall.NetlinkMessage) (map[uint16][]byte, error) {
	found := map[uint16][]byte{}
	err := eachAttribute(m, func(kind uint16, data []byte) error {
		found[kind] = data
		return nil
	})
	return found, err
}

// eachAttribute is parseAttributes of an nf_tables message.
func eachAttribute(m syscall.NetlinkMessage, fn func(kind uint16, data []byte) error) error {
	if len(m.Data) < sizeofNfgenmsg {
		return fmt.Errorf("nf_tables message of %d bytes", len(m.Data))
	}
	return parseAttributes(m.Data[sizeofNfgenmsg:], fn)
}

// readText is a text from the kernel. It ends at the first NUL.
func readText(b []byte) string { return unix.ByteSliceToString(b) }

func readNumber(b []byte) uint32 {
	if len(b) != 4 {
		return 0
	}
	return binary.BigEndian.Uint32(b)
}

const sizeofNfgenmsg = 4 // struct nfgenmsg: family, version, res_id

// request is one message to the kernel.
type request struct {
	kind       uint16 // NFT_MSG_…, or NFNL_MSG_BATCH_… with batch set
	flags      uint16
	batch      bool // a batch's begin or end
	attributes []attribute
}

// append adds the message in its wire format.
func (r request) append(b []byte, seq uint32) []byte {
	start, kind, family, resource := len(b), r.kind|unix.NFNL_SUBSYS_NFTABLES<<8, byte(unix.NFPROTO_INET), uint16(0)
	if r.batch {
		kind, family, resource = r.kind, unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES
	}
	b = append(b, make([]byte, 4)...) // the length is set below
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, r.flags|unix.NLM_F_REQUEST)
	b = binary.NativeEndian.AppendUint32(b, seq)
	b = append(b, 0, 0, 0, 0) // the port: the kernel fills it in
	b = append(b, family, unix.NFNETLINK_V0)
	b = binary.BigEndian.AppendUint16(b, resource)
	b = appendAttributes(b, r.attributes)
	binary.NativeEndian.PutUint32(b[start:], uint32(len(b)-start))
	return b
}

// messageOf is the NFT_MSG_… of a message, or -1 if the message is not from nf_tables.
func messageOf(m syscall.NetlinkMessage) int {
	if m.Header.Type>>8 != unix.NFNL_SUBSYS_NFTABLES {
		return -1
	}
	return int(m.Header.Type & 0xff)
}
