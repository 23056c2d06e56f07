package compile

import "strconv"

// DeviceNameFault says what is wrong with the name of a netdev or bridge; empty when nothing is. The kernel accepts 15 bytes
// without slash, space or colon (dev_valid_name). Weft also demands printable ASCII, because names are written to logs and given to
// tools. It refuses a star, because nftables takes a name that ends with a star as a pattern.
func DeviceNameFault(name string) string {
	switch {
	case name == "":
		return "is empty"
	case len(name) > 15:
		return "is longer than 15 bytes"
	case name == "." || name == "..":
		return "is no interface name"
	}
	for _, c := range []byte(name) {
		if c <= ' ' || c > '~' || c == '/' || c == ':' || c == '*' || c == '\\' || c == '"' || c == '\'' {
			return "holds a byte that no interface name may have"
		}
	}
	return ""
}

// Quote quotes a value that others chose. The result is bounded and printable.
func Quote(s string) string {
	const bound = 64
	if len(s) > bound {
		return strconv.QuoteToASCII(s[:bound]) + "…"
	}
	return strconv.QuoteToASCII(s)
}
