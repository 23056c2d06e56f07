package model

import (
	"regexp"
	"strings"
)

// interfaceName checks a name of a network device: what the kernel's dev_valid_name takes, in printable ASCII, and
// nothing that a tool or a sysctl path would take for something else.
func (c *checker) interfaceName(field, s string) {
	switch {
	case s == "":
		c.fail(field, "is missing: name the interface")
	case len(s) > 15:
		c.fail(field, "%s has %d bytes: Linux takes at most 15", quote(s), len(s))
	case s == "." || s == ".." || s == "lo" || s == "all" || s == "default":
		c.fail(field, "%s is reserved by Linux: choose another", quote(s))
	case s[0] == '-' || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(notInNames, r) }):
		c.fail(field, `%s is no interface name: use printable ASCII without spaces and / : * %% \ " ', not beginning with "-"`, quote(s))
	case switchNames.MatchString(s):
		c.fail(field, "%s is reserved by Open vSwitch, which opens no device of that name: choose another", quote(s))
	case ownNames.MatchString(s):
		c.fail(field, "%s has the form of the names that Weft gives its own devices: choose another", quote(s))
	}
}

// notInNames are the printable characters that no device of ours has in its name: the kernel or sysctl take the first three
// for something else, nftables a star at the end, and what quotes names the others.
const notInNames = "/:%*\\\"'"

// switchNames are those of the devices that Open vSwitch makes for its datapaths and tunnels (lib/netdev-vport.c): it refuses a
// device whose name is one of them, or begins as those of tunnels do.
var switchNames = regexp.MustCompile(`^(ovs-(system|netdev)$|(genev|gre|ip6gre|erspan|ip6erspan|lisp|stt|udp|vxlan|gtpu)_sys)`)

// ownNames are the names of what Weft makes in a host's own namespace: a prefix and 12 hexadecimal digits made of uids that anybody
// can read. A guest's device of such a name would stand in a router's place.
var ownNames = regexp.MustCompile(`^(w[lebq]|wfb|wfv)[0-9a-f]{12}$`)
