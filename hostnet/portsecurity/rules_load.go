package portsecurity

import (
	"context"
	_ "embed" // the rules are a file of their own
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"

	vnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
	own "weft/hostnet/nftables"
	"weft/hostnet/object"
)

//go:embed rules.nft
var rulesFile string

// reservedNames are the reserved addresses and the reasons to reject by their names in the file. The longest name comes first, because each is
// looked for in order.
func reservedNames() *strings.Replacer {
	bits := func(a netip.Addr, length int) string {
		b := a.As16()
		return "0x" + hex.EncodeToString(b[:length/8])
	}
	derived := object.DefaultMACPrefix.DerivedLinkLocal()
	var words []string
	for _, r := range object.RejectReasons() {
		words = append(words, "$reject_"+strings.ReplaceAll(r.String(), "-", "_"), fmt.Sprintf("meta mark set %#x goto rejected", uint8(r)))
	}
	return strings.NewReplacer(append(words,
		"$server_link_local_bits", bits(object.ServerLinkLocal, 128), "$server_link_local", object.ServerLinkLocal.String(),
		"$gateway_link_local_bits", bits(object.GatewayLinkLocal, 128), "$gateway_link_local", object.GatewayLinkLocal.String(),
		"$derived_link_local_bits", bits(derived.Addr(), derived.Bits()), "$derived_link_local", derived.String(),
		"$metadata_ipv6_bits", bits(object.MetadataIPv6, 128), "$metadata_ipv6", object.MetadataIPv6.String(),
		"$metadata_ipv4", object.MetadataIPv4.String(),
		"$server_mac", object.ServerMAC.String(), "$gateway_mac", object.GatewayMAC.String(),
	)...)
}

// ruleset is the file with the reserved addresses filled in.
func ruleset() string { return reservedNames().Replace(rulesFile) }

// ruleText is the ruleset with a comment on each rule: the version of the whole set and the rule's number in it. The comment
// identifies the rule.
type ruleText struct {
	text string
	// chains holds the comments of each chain's rules in order.
	chains map[string][]string
}

// newRuleText numbers the rules.
func newRuleText() ruleText {
	lines, chains := own.NumberRules(ruleset())
	var b strings.Builder
	for _, l := range lines {
		if l.Comment != "" {
			l.Text = strings.TrimRight(l.Text, "\n") + fmt.Sprintf(" comment %q\n", l.Comment)
		}
		b.WriteString(l.Text)
	}
	return ruleText{b.String(), chains}
}

// knownBridges are commands that add every existing bridge of ours to the set of bridges. So if somebody has deleted the table,
// no bridge is without protection until its elements are added again.
func knownBridges(ctx context.Context) (string, error) {
	handle, err := vnl.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return "", fmt.Errorf("portsecurity: open a netlink route socket: %w", err)
	}
	defer handle.Close()
	links, err := netlink.Consistent(ctx, "the host's bridges", handle.LinkList)
	if err != nil {
		return "", fmt.Errorf("portsecurity: %w", err)
	}
	var b strings.Builder
	for _, l := range links {
		if name := l.Attrs().Name; l.Type() == "bridge" && strings.HasPrefix(l.Attrs().Alias, object.AliasPrefix) {
			// The comment says whom the element is for, as in encode.
			fmt.Fprintf(&b, "add element bridge %s %s { %q comment %q }\n", tableName, object.PortSecurityBridges, name, name)
		}
	}
	return b.String(), nil
}

// load loads the rules in one transaction that keeps the elements of the sets.
func (d *Driver) load(ctx context.Context) error {
	known, err := knownBridges(ctx)
	if err != nil {
		return err
	}
	if err := d.program.Load(ctx, d.text.text+known); err != nil {
		return fmt.Errorf("portsecurity: load the rules of table bridge weft: %w", err)
	}
	return nil
}
