package etcdschema

import (
	"net/netip"
	"testing"

	"weft/model"
)

// TestPairKeys: keys are read back as what they were made of. Another spelling is nobody's claim.
func TestPairKeys(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"10.0.0.50/32", "10.0.0.64/28", "2001:db8::/64"} {
		block := netip.MustParsePrefix(text)
		k := AddressPairClaim("net", block, "port")
		if network, got, port, ok := ParseAddressPairClaim(k); !ok || network != "net" || got != block || port != "port" || !AddressPairClaims("net").Contains(k) {
			t.Errorf("%s is read as %s %s %s, %v", k, network, got, port, ok)
		}
	}
	mac := model.MAC{0, 0, 0x5e, 0, 1, 51}
	k := PairMACClaim(mac, "port")
	if got, port, ok := ParsePairMACClaim(k); !ok || got != mac || port != "port" || !PairMACClaims(mac).Contains(k) {
		t.Errorf("%s is read as %s %s, %v", k, got, port, ok)
	}
	for _, text := range []string{
		"claim/address-pair/net/10.0.0.50/port", "claim/address-pair/net/10.0.0.65%2f28/port", "claim/address-pair/net/10.0.0.50%2f32", "claim/address-pair/net/10.0.0.50%2f32/a/b",
		"claim/address/net/10.0.0.50", "claim/address-pair/net/::ffff:10.0.0.1%2f128/port/", "claim/pair-mac/00:00:5e:00:01:33", "claim/pair-mac/00-00-5e-00-01-33/port", "claim/mac/00:00:5e:00:01:33",
	} {
		if _, _, _, ok := ParseAddressPairClaim(Key{text}); ok {
			t.Errorf("%s is a claim of a pair", text)
		}
		if _, _, ok := ParsePairMACClaim(Key{text}); ok {
			t.Errorf("%s is a claim of a pair's MAC", text)
		}
	}
}
