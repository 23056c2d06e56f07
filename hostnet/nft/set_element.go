package nft

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
)

// Names in the kernel.
const (
	tableName  = "weft"
	setOutside = "outside" // the names of the outside devices
	setRouted  = "routed"  // the families that are not translated
	setSeal    = "seal"    // the digest of the table's structure as the kernel showed it after it was written
)

// elementsPerRequest keeps the list of a request within the 65,535 bytes of an attribute, also with the widest key and value (40
// bytes).
const elementsPerRequest = 512

// elementSize is in bytes: an element of IPv4 with its value.
const elementSize = 32

// set is a set of the table. It is a map if data is given.
type set struct {
	name      string
	key, data nftables.SetDatatype
}

// hostSets are the sets for what differs between namespaces.
func hostSets() []set {
	return []set{
		{name: setOutside, key: nftables.TypeIFName},
		{name: setRouted, key: nftables.TypeNFProto},
		{"source4", nftables.TypeNFProto, nftables.TypeIPAddr},
		{"source6", nftables.TypeNFProto, nftables.TypeIP6Addr},
		{name: "management4", key: nftables.TypeIPAddr},
		{name: "management6", key: nftables.TypeIP6Addr},
		{name: setSeal, key: nftables.MustConcatSetType(nftables.TypeMark, nftables.TypeMark, nftables.TypeMark, nftables.TypeMark)},
	}
}

// mappingSets are the sets and maps for the mappings.
func mappingSets() []set {
	key := func(address nftables.SetDatatype) nftables.SetDatatype {
		return nftables.MustConcatSetType(address, nftables.TypeInetProto, nftables.TypeInetService)
	}
	data := func(address nftables.SetDatatype) nftables.SetDatatype {
		return nftables.MustConcatSetType(address, nftables.TypeInetService)
	}
	v4, v6 := nftables.TypeIPAddr, nftables.TypeIP6Addr
	return []set{
		{"floating4", v4, v4}, {"floating6", v6, v6}, {"fixed4", v4, v4}, {"fixed6", v6, v6},
		{"forward4", key(v4), data(v4)}, {"forward6", key(v6), data(v6)},
		{name: "leave4", key: v4}, {name: "leave6", key: v6},
	}
}

// create makes the set. The set's number within the transaction is not used, because rules refer to the set by name.
func (s set) create() *netlink.Request {
	r := newRequest(unix.NFT_MSG_NEWSET, unix.NLM_F_CREATE).Text(unix.NFTA_SET_TABLE, tableName).Text(unix.NFTA_SET_NAME, s.name).
		NetworkUint32(unix.NFTA_SET_KEY_TYPE, s.key.GetNFTMagic()).
		NetworkUint32(unix.NFTA_SET_KEY_LEN, s.key.Bytes).
		NetworkUint32(unix.NFTA_SET_ID, 1)
	flags := uint32(0)
	if isInterval(s.name) {
		flags = unix.NFT_SET_INTERVAL
	}
	if s.data.Bytes != 0 {
		flags = unix.NFT_SET_MAP
		r.NetworkUint32(unix.NFTA_SET_DATA_TYPE, s.data.GetNFTMagic()).NetworkUint32(unix.NFTA_SET_DATA_LEN, s.data.Bytes)
	}
	r.NetworkUint32(unix.NFTA_SET_FLAGS, flags)
	if s.key == nftables.TypeIFName {
		r.Attr(unix.NFTA_SET_USERDATA, hostOrder()...)
	}
	if isOver(s.name) { // each element has a counter
		nest(r, setExpression, func() { r.Text(unix.NFTA_EXPR_NAME, "counter") })
	}
	return r
}

// hostOrder is user data that tells nft that keys are in the host's byte order (NFTNL_UDATA_SET_KEYBYTEORDER 0, four bytes: 1).
// Without it nft does not show device names.
func hostOrder() []byte { return binary.NativeEndian.AppendUint32([]byte{0, 4}, 1) }

// element is one entry of a set, or of a map when it has a value.
type element struct {
	set   string
	key   string
	value string
}

// elementRequests add or delete elements, many in one request. The kernel refuses to delete an element that does not exist, and
// to add a key that has another value. So a race with somebody else is an error and never a mixture of both.
func elementRequests(kind uint16, elements []element) []*netlink.Request {
	bySet, names := map[string][]element{}, []string(nil)
	for _, e := range elements {
		if bySet[e.set] == nil {
			names = append(names, e.set)
		}
		bySet[e.set] = append(bySet[e.set], e)
	}
	flags := uint16(0)
	if kind == unix.NFT_MSG_NEWSETELEM {
		flags = unix.NLM_F_CREATE
	}
	var all []*netlink.Request
	for _, name := range names {
		if isInterval(name) {
			slices.SortFunc(bySet[name], byInterval)
		}
		for list := bySet[name]; len(list) > 0; list = list[min(len(list), elementsPerRequest):] {
			r := newRequest(kind, flags).Text(unix.NFTA_SET_ELEM_LIST_TABLE, tableName).Text(unix.NFTA_SET_ELEM_LIST_SET, name)
			addElements(r, list[:min(len(list), elementsPerRequest)], flags != 0)
			all = append(all, r)
		}
	}
	return all
}

// addElements appends the list of elements. Values are not needed to delete.
func addElements(r *netlink.Request, elements []element, values bool) {
	r.Grow(len(elements) * elementSize)
	nest(r, unix.NFTA_SET_ELEM_LIST_ELEMENTS, func() {
		for i := range elements {
			e := &elements[i]
			nest(r, unix.NFTA_LIST_ELEM, func() {
				addData(r, unix.NFTA_SET_ELEM_KEY, e.key)
				if flags, ends := intervalFlags(e); ends {
					r.NetworkUint32(unix.NFTA_SET_ELEM_FLAGS, flags) // to delete it, too
				} else if isRate(e.set) {
					if values {
						addLimits(r, e.value)
					}
				} else if e.value != "" && values {
					addData(r, unix.NFTA_SET_ELEM_DATA, e.value)
				}
			})
		}
	})
}

// addData appends a key or a value.
func addData(r *netlink.Request, kind uint16, data string) {
	nest(r, kind, func() { r.Raw(unix.NFTA_DATA_VALUE, data) })
}

func addressBytes(a netip.Addr) string { return string(a.AsSlice()) }

// service is a protocol and port of a floating address.
type service struct {
	protocol byte // IPPROTO_TCP or IPPROTO_UDP
	port     uint16
}

func floatingElement(floating, fixed netip.Addr) element {
	return element{setsOf(floating).floatingSet, addressBytes(floating), addressBytes(fixed)}
}

func fixedElement(fixed, floating netip.Addr) element {
	return element{setsOf(fixed).fixedSet, addressBytes(fixed), addressBytes(floating)}
}

func leaveElement(floating netip.Addr) element {
	return element{set: setsOf(floating).leaveSet, key: addressBytes(floating)}
}

func routedElement(f familySets) element {
	return element{set: setRouted, key: string([]byte{f.proto})}
}

func sourceElement(a netip.Addr) element {
	return element{setsOf(a).sourceSet, string([]byte{setsOf(a).proto}), addressBytes(a)}
}

func outsideElement(device string) element {
	name := make([]byte, 16) // IFNAMSIZ
	copy(name, device)
	return element{set: setOutside, key: string(name)}
}

// forwardElement pads each part of key and value to four bytes, because registers have four bytes.
func forwardElement(floating netip.Addr, s service, to netip.AddrPort) element {
	key := append(floating.AsSlice(), s.protocol, 0, 0, 0)
	key = append(binary.BigEndian.AppendUint16(key, s.port), 0, 0)
	value := append(binary.BigEndian.AppendUint16(to.Addr().AsSlice(), to.Port()), 0, 0)
	return element{setsOf(floating).forwardSet, string(key), string(value)}
}

// readAddress is the address of four or sixteen bytes. For other lengths it is not valid.
func readAddress(b string) netip.Addr {
	a, _ := netip.AddrFromSlice([]byte(b))
	return a
}

// readForward is the inverse of forwardElement.
func readForward(e element) (floating netip.Addr, s service, to netip.AddrPort, ok bool) {
	n := len(e.value) - 4
	if n != 4 && n != 16 || len(e.key) != n+8 {
		return floating, s, to, false
	}
	s = service{e.key[n], binary.BigEndian.Uint16([]byte(e.key[n+4:]))}
	to = netip.AddrPortFrom(readAddress(e.value[:n]), binary.BigEndian.Uint16([]byte(e.value[n:])))
	return readAddress(e.key[:n]), s, to, true
}
