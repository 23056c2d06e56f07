package ovs

import (
	"fmt"
	"strings"

	"weft/hostnet/object"
)

// parseConnMatch reads a match that has fields of the connection tracker. The packet's own fields are read first, without them. A match on
// the addresses or the protocol of the packet and of its connection at once is alien.
func parseConnMatch(text string) object.Match {
	alien := object.Match{Alien: text}
	var plain []string
	var conn object.Match
	for _, field := range strings.Split(text, ",") {
		name, value, _ := strings.Cut(field, "=")
		if !strings.HasPrefix(name, "ct_") {
			plain = append(plain, field)
		} else if parseConnField(&conn, name, value) != nil {
			return alien
		}
	}
	m := object.Match{}
	if len(plain) > 0 {
		if m = parseFields(plain, text); m.Alien != "" {
			return alien
		}
	}
	if conn.Original {
		if m.IPSrc.IsValid() || m.IPDst.IsValid() || m.IPProto != 0 || m.Zero&object.ZeroIPProto != 0 {
			return alien
		}
		m.Original, m.IPSrc, m.IPDst, m.IPProto, m.ConnSrc, m.ConnDst = true, conn.IPSrc, conn.IPDst, conn.IPProto, conn.ConnSrc, conn.ConnDst
	}
	m.Conn = conn.Conn
	if _, err := renderMatch(m); err != nil {
		return alien
	}
	return m
}

func parseConnField(m *object.Match, name, value string) error {
	var err error
	m.Original = m.Original || name != "ct_state"
	switch name {
	case "ct_state":
		m.Conn, err = object.ParseConnMatch(value)
	case "ct_nw_src", "ct_ipv6_src":
		m.IPSrc, err = parsePrefix(value)
	case "ct_nw_dst", "ct_ipv6_dst":
		m.IPDst, err = parsePrefix(value)
	case "ct_nw_proto":
		m.IPProto, err = parseUint[uint8](value)
	case "ct_tp_src":
		m.ConnSrc.Value, m.ConnSrc.Mask, err = parseMasked[uint16](value)
	case "ct_tp_dst":
		m.ConnDst.Value, m.ConnDst.Mask, err = parseMasked[uint16](value)
	default:
		return fmt.Errorf("field %q: Weft matches no such field", name)
	}
	return err
}
