package guesttree

import (
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

// style finds the named style, or the one that the tree has, and says why.
func (t *Tree) style(name string) (style, string, error) {
	all := styles()
	for _, s := range all {
		if s.name == name {
			return s, "--style", nil
		}
	}
	if name != "" {
		return style{}, "", fmt.Errorf("%q is no style: use one of %s", name, StyleNames())
	}
	netplan, manager, networkd, interfaces := all[0], all[1], all[2], all[3]
	enabled := "etc/systemd/system/multi-user.target.wants/systemd-networkd.service"
	for _, mark := range []struct {
		style style
		file  string
		link  bool // leads out of the tree, as the links of enabled units do, so it is not followed
	}{
		{netplan, "usr/sbin/netplan", false},
		{manager, "usr/sbin/NetworkManager", false},
		{networkd, enabled, true},
		{interfaces, "sbin/ifup", false},
		{interfaces, "usr/sbin/ifup", false},
		{interfaces, "etc/network/interfaces", false},
		{networkd, "usr/lib/systemd/systemd-networkd", false},
		{networkd, "lib/systemd/systemd-networkd", false},
	} {
		if mark.link {
			if _, err := t.root.Lstat(mark.file); err == nil {
				return mark.style, "the tree has " + mark.file, nil
			}
		} else if t.has(mark.file) {
			return mark.style, "the tree has " + mark.file, nil
		}
	}
	return style{}, "", fmt.Errorf("the tree has neither of %s: say which one the guest uses with --style", StyleNames())
}
