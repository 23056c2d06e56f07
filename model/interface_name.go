package model

import (
	"crypto/sha256"
	"encoding/base32"
	"regexp"
	"strings"
)

// interfaceName checks the name of a network device. It must be accepted by the kernel's dev_valid_name and be printable ASCII. No
// tool and no sysctl path may take it for something else.
func (c *Checker) interfaceName(field, s string) {
	switch {
	case s == "":
		c.Fail(field, "is missing: name the interface")
	case len(s) > 15:
		c.Fail(field, "%s has %d bytes: Linux takes at most 15", quote(s), len(s))
	case s == "." || s == ".." || s == "lo" || s == "all" || s == "default":
		c.Fail(field, "%s is reserved by Linux: choose another", quote(s))
	case s[0] == '-' || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(notInNames, r) }):
		c.Fail(field, `%s is no interface name: use printable ASCII without spaces and / : * %% \ " ', not beginning with "-"`, quote(s))
	case switchNames.MatchString(s):
		c.Fail(field, "%s is reserved by Open vSwitch, which opens no device of that name: choose another", quote(s))
	case ownNames.MatchString(s):
		c.Fail(field, "%s has the form of the names that Weft gives its own devices: choose another", quote(s))
	}
}

// notInNames are the printable characters that no device of ours has in its name. The kernel or sysctl treat the first three
// specially, and nftables treats a star at the end specially. The others are quotes and escapes.
const notInNames = "/:%*\\\"'"

// switchNames are the names of the devices that Open vSwitch makes for its datapaths and tunnels (lib/netdev-vport.c). It refuses a
// device with one of these names, or with a name that begins like that of a tunnel.
var switchNames = regexp.MustCompile(`^(ovs-(system|netdev)$|(genev|gre|ip6gre|erspan|ip6erspan|lisp|stt|udp|vxlan|gtpu)_sys)`)

// ownNames are the names of the devices that Weft makes in a host's own namespace: a prefix and 12 hexadecimal digits, made of uids
// that everybody can read. A guest's device with such a name would replace a device of a router.
var ownNames = regexp.MustCompile(`^(w[lebq]|wfb|wfv)[0-9a-f]{12}$`)

// DeviceHash is the part of a device's name that is made of a longer text: 55 bits of its SHA-256, in 11 characters. Texts with the same
// beginning get different ones.
func DeviceHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:11])
}
