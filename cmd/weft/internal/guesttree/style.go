package guesttree

import (
	"context"
	"fmt"
	"strings"

	"weft/hostnet/guestconfig"
)

// style is one way in which guests configure their network.
type style struct {
	name   string
	render func(guestconfig.Guest) []guestconfig.File
	// folder is where its files are. Others there with the suffix may configure the same NICs.
	folder, suffix string
	// written names the files that Weft writes, for the NIC of a number.
	written func(nic int) string
}

// styles are all that there are, in the order in which they are looked for.
func styles() []style {
	return []style{
		{"netplan", guestconfig.Netplan, "etc/netplan", ".yaml", func(int) string { return "etc/netplan/90-weft.yaml" }},
		{"networkmanager", guestconfig.NetworkManager, "etc/NetworkManager/system-connections", ".nmconnection",
			func(i int) string { return fmt.Sprintf("etc/NetworkManager/system-connections/weft%d.nmconnection", i) }},
		{"networkd", guestconfig.Networkd, "etc/systemd/network", ".network", func(i int) string { return fmt.Sprintf("etc/systemd/network/05-weft%d.network", i) }},
		{"interfaces", guestconfig.Interfaces, "etc/network/interfaces.d", "", func(int) string { return interfacesPath }},
	}
}

const interfacesPath = "etc/network/interfaces.d/50-weft"

// StyleNames lists the styles for people.
func StyleNames() string {
	var names []string
	for _, s := range styles() {
		names = append(names, s.name)
	}
	return strings.Join(names, ", ")
}

// mark is a file by which a guest's style is recognised.
type mark struct {
	style string
	file  string
	link  bool // leads out of a mounted tree, as the links of enabled units do, so it is not followed
}

// marks are the marks in the order in which they count.
func marks() []mark {
	return []mark{
		{"netplan", "usr/sbin/netplan", false},
		{"networkmanager", "usr/sbin/NetworkManager", false},
		{"networkd", "etc/systemd/system/multi-user.target.wants/systemd-networkd.service", true},
		{"interfaces", "sbin/ifup", false},
		{"interfaces", "usr/sbin/ifup", false},
		{"interfaces", mainPath, false},
		{"networkd", "usr/lib/systemd/systemd-networkd", false},
		{"networkd", "lib/systemd/systemd-networkd", false},
	}
}

// styleOf finds the named style, or the one that the guest has, and says why.
func styleOf(ctx context.Context, from files, name string) (style, string, error) {
	why := "--style"
	if name == "" {
		for _, m := range marks() {
			has := from.has
			if m.link {
				has = from.hasLink
			}
			there, err := has(ctx, m.file)
			if err != nil {
				return style{}, "", err
			}
			if there {
				name, why = m.style, from.noun()+" has "+m.file
				break
			}
		}
	}
	for _, s := range styles() {
		if s.name == name {
			return s, why, nil
		}
	}
	if name != "" {
		return style{}, "", fmt.Errorf("%q is no style: use one of %s", name, StyleNames())
	}
	return style{}, "", fmt.Errorf("%s has neither of %s: say which one the guest uses with --style", from.noun(), StyleNames())
}
