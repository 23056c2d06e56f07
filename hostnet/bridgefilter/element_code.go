package bridgefilter

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
	"weft/hostnet/object"
)

// nameSize is the size of a device's name in a key (IFNAMSIZ).
const nameSize = 16

// The sets of rules.nft.
const (
	setZones    = "zones"    // map: bridge → zone
	setRouters  = "routers"  // map: bridge → number of its router
	setFiltered = "filtered" // device: of a filtered guest
	setEgress   = "egress"   // map: device → jump to the chain of its egress rules
	setIngress  = "ingress"  // map: device → jump to the chain of its ingress rules
)

// counterSets have an element with a counter for each filtered device.
func counterSets() []string {
	return []string{"sent_denied", "sent_invalid", "sent_full", "received_denied", "received_invalid", "received_full"}
}

// countedBy are the counter sets of a reason.
func countedBy(r object.RejectReason) []string {
	switch r {
	case object.RejectEgressRule:
		return []string{"sent_denied"}
	case object.RejectEgressInvalid:
		return []string{"sent_invalid"}
	case object.RejectIngressRule:
		return []string{"received_denied"}
	case object.RejectIngressInvalid:
		return []string{"received_invalid"}
	case object.RejectConnections:
		return []string{"sent_full", "received_full"}
	}
	return nil
}

// portSets are the sets with an element for each filtered device. The device is in the first one last, and out of it first: then a packet finds
// all or nothing of it, because they change in one transaction.
func portSets() []string {
	return append([]string{setEgress, setIngress, setFiltered}, counterSets()...)
}

// staticSets are all sets of rules.nft.
func staticSets() []string { return append([]string{setZones, setRouters}, portSets()...) }

func isMap(name string) bool {
	return name == setZones || name == setRouters || name == setEgress || name == setIngress
}

// nameKey is a device or bridge as a key.
func nameKey(name string) ([]byte, error) {
	if len(name) == 0 || len(name) >= nameSize {
		return nil, fmt.Errorf("device %q: a name has 1 to %d bytes", name, nameSize-1)
	}
	key := make([]byte, nameSize)
	copy(key, name)
	return key, nil
}

func nameOf(key []byte) string {
	name, _, _ := bytes.Cut(key[:min(len(key), nameSize)], []byte{0})
	return string(name)
}

// portElement is a device's element in a set of ports.
func portElement(set, device string) (nftables.SetElement, error) {
	key, err := nameKey(device)
	e := nftables.SetElement{Key: key}
	if chain := portChain(set, device); chain != "" {
		e.VerdictData = &expr.Verdict{Kind: expr.VerdictJump, Chain: chain}
	}
	return e, err
}

// portChain is the name of a port's chain: what its groups allow in one direction. It is empty for a set without chains.
func portChain(set, device string) string {
	if set != setEgress && set != setIngress {
		return ""
	}
	if strings.HasPrefix(device, hexPrefix) || strings.ContainsFunc(device, unusual) {
		device = hexPrefix + hex.EncodeToString([]byte(device))
	}
	return set + "-" + device
}

// hexPrefix begins the name of a device in a chain's name, in hexadecimal, if the device's name has characters that nft does not print as they are.
const hexPrefix = "0x"

func unusual(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
}

// deviceOf is the device whose chain it is, and the set that leads there.
func deviceOf(chain string) (set, device string, ok bool) {
	for _, set := range []string{setEgress, setIngress} {
		device, ok := strings.CutPrefix(chain, set+"-")
		if digits, coded := strings.CutPrefix(device, hexPrefix); ok && coded {
			name, err := hex.DecodeString(digits)
			device, ok = string(name), err == nil
		}
		if ok && portChain(set, device) == chain {
			return set, device, true
		}
	}
	return "", "", false
}

// jumpsTo says that the value of a map leads to the chain and back.
func jumpsTo(value []byte, chain string) bool {
	var code uint32
	var to string
	err := netlink.EachAttribute(value, 0, func(kind uint16, b []byte) {
		switch {
		case kind == unix.NFTA_VERDICT_CODE && len(b) == 4:
			code = binary.BigEndian.Uint32(b)
		case kind == unix.NFTA_VERDICT_CHAIN:
			to = netlink.Text(b)
		}
	})
	jump := int32(unix.NFT_JUMP)
	return err == nil && code == uint32(jump) && to == chain
}
