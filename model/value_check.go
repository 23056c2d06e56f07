package model

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The bounds of an object. They keep every computation over one object small, whoever wrote the object.
const (
	MaxSubnets        = 32 // all claims of a network fit one transaction
	MaxPools          = 16 // per subnet
	MaxPoolRanges     = 64 // of an address pool
	MaxPoolExcludes   = 256
	MaxHostGroups     = 256
	MaxPoolPriority   = 1000000
	MaxServers        = 16 // DNS and NTP each
	MaxRoutes         = 27 // together with a default route they fit one DHCP option of 255 bytes (RFC 3442)
	MaxPortAddresses  = 16
	MaxRouterNetworks = 24   // with their claims they fit one transaction
	MaxRouterPrefixes = 32   // of one router where IPv6 is routed; they fit one transaction too
	MaxRoutedPrefixes = 64   // blocks of an external network
	MaxRoutedProjects = 256  // per block
	MaxPortForwards   = 48   // per floating address; they fit one transaction too
	MaxForwardedPorts = 1024 // per forward: translated ranges become one element for each port
	// MaxForwardedTotal bounds the forwarded ports of one floating address, as a host does.
	MaxForwardedTotal = 16384
	MaxVLANRanges     = 64
	MaxUplinks        = 16
	MaxRoles          = 8
	// A host looks up each group of a port, and each group that its rules name, for each new kind of packet. Open vSwitch allows 4,096
	// lookups for a packet.
	MaxSecurityGroups     = 10 // of a port
	MaxRemoteGroups       = 16 // different ones that the rules of one group name
	MaxSecurityGroupRules = 256
	MaxDisplayName        = 255 // bytes, of a description too
	MaxManagementCIDRs    = 16  // of a management network
	// MaxManagementPrefixes bounds the prefixes of all management networks. Each host has a rule for each of them.
	MaxManagementPrefixes = 64
)

// The MTUs that can be declared, in bytes.
const (
	MinMTU   = 68    // RFC 791
	MinMTUv4 = 576   // of a network with DHCPv4: every client takes so much (RFC 2131 section 2)
	MinMTUv6 = 1280  // RFC 8200 section 5
	MaxMTU   = 65521 // of a tap: 65,535 with the Ethernet header (linux/tun.c)
)

// Checker collects what is wrong with one object.
type Checker struct{ errs Errors }

func (c *Checker) Fail(field, format string, args ...any) {
	c.errs = append(c.errs, FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
}

// atMost reports a list that is too long, and returns how many of its items are worth checking.
func (c *Checker) atMost(field string, n, limit int) int {
	if n > limit {
		c.Fail(field, "has %d items, at most %d are allowed", n, limit)
		return limit
	}
	return n
}

// maxLabel is the length of the longest label.
const maxLabel = 63

// isLabel says that the text is a label: letters and digits, and hyphens inside. It is asked for each name of each object that is read.
func isLabel(s string) bool {
	for i := range len(s) {
		c := s[i]
		inside := i > 0 && i < len(s)-1
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' && inside) {
			return false
		}
	}
	return s != "" && len(s) <= maxLabel
}

const labelRule = "use at most 63 lower-case letters, digits and hyphens, beginning and ending with a letter or digit (RFC 1123); a UUID in lower case will do"

// name checks a required name of an object.
func (c *Checker) name(field, s string) bool {
	switch {
	case s == "":
		c.Fail(field, "is missing: give it a name")
	case !isLabel(s):
		c.Fail(field, "%s is no name: %s", quote(s), labelRule)
	default:
		return true
	}
	return false
}

// domain checks a DNS name of one or more labels, upper case allowed (RFC 1123 section 2.1).
func (c *Checker) domain(field, s string) {
	if len(s) > 253 {
		c.Fail(field, "has %d characters, at most 253 are allowed (RFC 1123)", len(s))
		return
	}
	for l := range strings.SplitSeq(s, ".") {
		if !isLabel(strings.ToLower(l)) {
			c.Fail(field, "%s is no DNS name: each part between dots needs 1 to 63 letters, digits and inner hyphens (RFC 1123)", quote(s))
			return
		}
	}
}

func (c *Checker) description(field, s string) { c.displayName(field, s) }

func (c *Checker) displayName(field, s string) {
	if len(s) > MaxDisplayName {
		c.Fail(field, "has %d bytes, at most %d are allowed", len(s), MaxDisplayName)
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		c.Fail(field, "holds control characters or is not UTF-8: use printable text")
	}
}

// mtu checks an MTU that may be omitted; v6 says that it is also used for IPv6.
func (c *Checker) mtu(field string, mtu int, v6 bool) {
	switch {
	case mtu == 0:
	case mtu < MinMTU || mtu > MaxMTU:
		c.Fail(field, "%d is out of range: use %d to %d bytes, or leave it out", mtu, MinMTU, MaxMTU)
	case v6 && mtu < MinMTUv6:
		c.Fail(field, "%d is too small for the IPv6 subnet: use at least %d bytes (RFC 8200)", mtu, MinMTUv6)
	}
}

// special are the blocks that contain no addresses of guests, routers or servers, with their names.
var special = []struct {
	block netip.Prefix
	what  string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "reserved (0.0.0.0/8)"},
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback (127.0.0.0/8)"},
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local (169.254.0.0/16)"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast (224.0.0.0/4)"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved (240.0.0.0/4)"},
	{netip.MustParsePrefix("::/96"), "reserved (::/96)"},
	{netip.MustParsePrefix("::ffff:0:0/96"), "IPv4-mapped (::ffff:0:0/96)"},
	{netip.MustParsePrefix("fd00:5745:4654::/48"), "what routers use among themselves (fd00:5745:4654::/48)"},
	{netip.MustParsePrefix("fe80::/10"), "link-local (fe80::/10)"},
	{netip.MustParsePrefix("ff00::/8"), "multicast (ff00::/8)"},
}

// specialBlock says which special block overlaps the prefix; empty when none does.
func specialBlock(p netip.Prefix) string {
	for _, s := range special {
		if s.block.Overlaps(p) {
			return s.what
		}
	}
	return ""
}

// unicast checks that an address is set and can be the address of one host.
func (c *Checker) unicast(field string, a Address) bool {
	if !a.IsValid() {
		c.Fail(field, "is missing: give an address")
		return false
	}
	if what := specialBlock(netip.PrefixFrom(a.Addr, a.BitLen())); what != "" {
		c.Fail(field, "%s is %s: use a unicast address", a, what)
		return false
	}
	return true
}
