package compile

import "strconv"

// deviceNameFault says what is wrong with the name of a netdev or bridge; empty when nothing is. The kernel takes 15 bytes
// without slash, space or colon (dev_valid_name); Weft wants printable ASCII besides, for names reach logs and tools, and no
// star, with which a name at its end would stand for many in nftables.
func deviceNameFault(name string) string {
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

// quote writes a value that others chose, bounded and with nothing unprintable.
func quote(s string) string {
	const bound = 64
	if len(s) > bound {
		return strconv.QuoteToASCII(s[:bound]) + "…"
	}
	return strconv.QuoteToASCII(s)
}
