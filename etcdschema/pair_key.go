package etcdschema

import (
	"net/netip"
	"strings"

	"weft/model"
)

// AddressPairClaim is the claim of an allowed address pair's block within a network. Its last segment is the uid of the port that owns it,
// because several ports may have the same block.
func AddressPairClaim(networkUID string, block netip.Prefix, portUID string) Key {
	return Key{"claim/address-pair/" + networkUID + "/" + segment(block.Masked().String()) + "/" + segment(portUID)}
}

// AddressPairClaims are the claims of all allowed address pairs within a network.
func AddressPairClaims(networkUID string) Prefix {
	return Prefix{"claim/address-pair/" + networkUID + "/"}
}

// ParseAddressPairClaim reads the network's uid, the block and the port's uid out of a claim key.
func ParseAddressPairClaim(k Key) (networkUID string, block netip.Prefix, portUID string, ok bool) {
	rest, found := strings.CutPrefix(k.path, "claim/address-pair/")
	parts := strings.Split(rest, "/")
	if !found || len(parts) != 3 {
		return "", netip.Prefix{}, "", false
	}
	block, err := netip.ParsePrefix(strings.Replace(parts[1], "%2f", "/", 1))
	if err != nil || AddressPairClaim(parts[0], block, parts[2]) != k {
		return "", netip.Prefix{}, "", false
	}
	return parts[0], block, parts[2], true
}

// PairMACClaim is the claim of a MAC that allowed address pairs of a port name besides the port's own. Several ports may have the same, but
// no port may have it as its own.
func PairMACClaim(m model.MAC, portUID string) Key {
	return Key{"claim/pair-mac/" + m.String() + "/" + segment(portUID)}
}

// PairMACClaims are the claims of a MAC by allowed address pairs.
func PairMACClaims(m model.MAC) Prefix { return Prefix{"claim/pair-mac/" + m.String() + "/"} }

// ParsePairMACClaim reads the MAC and the port's uid out of a claim key.
func ParsePairMACClaim(k Key) (m model.MAC, portUID string, ok bool) {
	rest, found := strings.CutPrefix(k.path, "claim/pair-mac/")
	text, uid, both := strings.Cut(rest, "/")
	if !found || !both {
		return model.MAC{}, "", false
	}
	m, err := model.ParseMAC(text)
	if err != nil || PairMACClaim(m, uid) != k {
		return model.MAC{}, "", false
	}
	return m, uid, true
}
