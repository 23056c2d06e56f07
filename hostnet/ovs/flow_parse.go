package ovs

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"weft/hostnet/object"
)

// defaultPriority is the priority that OVS leaves out when it prints a flow (OFP_DEFAULT_PRIORITY).
const defaultPriority = 32768

// switchFlow is a flow as the switch holds it: the typed value, and the cookie that tells whose it is.
type switchFlow struct {
	Cookie uint64
	Flow   object.Flow
}

// parseFlow reads one line of "ovs-ofctl --no-stats --no-names dump-flows". What the typed flow cannot express is kept as an
// Alien match or as AlienActions. Only a line that is not a flow is an error.
func parseFlow(line string) (switchFlow, error) {
	head, actions, ok := strings.Cut(line, "actions=")
	if !ok {
		return switchFlow{}, fmt.Errorf("flow %.200q: no actions", line)
	}
	f := switchFlow{Flow: object.Flow{Priority: defaultPriority}}
	var match, extra []string
	for _, field := range strings.FieldsFunc(head, func(r rune) bool { return r == ',' || r == ' ' }) {
		name, value, _ := strings.Cut(field, "=")
		var err error
		switch name {
		case "cookie":
			f.Cookie, err = strconv.ParseUint(value, 0, 64)
		case "table":
			f.Flow.Table, err = parseUint[uint8](value)
		case "priority":
			f.Flow.Priority, err = parseUint[uint16](value)
		case "idle_timeout", "hard_timeout", "importance", "send_flow_rem", "check_overlap", "reset_counts", "no_packet_counts", "no_byte_counts":
			extra = append(extra, field)
		default:
			match = append(match, field)
		}
		if err != nil {
			return switchFlow{}, fmt.Errorf("flow %.200q: field %s: %w", line, name, err)
		}
	}
	f.Flow.Match = parseMatch(strings.Join(match, ","))
	f.Flow.Actions = parseFlowActions(extra, actions)
	return f, nil
}

// parseFlowActions reads the actions. A flow that expires or reports by itself was not written by Weft, even if everything else
// is right. Its actions are then alien.
func parseFlowActions(extra []string, actions string) []object.Action {
	if len(extra) > 0 {
		return []object.Action{object.AlienActions{Text: strings.Join(extra, ",") + ",actions=" + actions}}
	}
	return parseActions(strings.TrimSpace(actions))
}

// parseActions reads an action list in the form that ovs-ofctl prints.
func parseActions(text string) []object.Action {
	if text == "drop" || text == "" {
		return nil
	}
	var out []object.Action
	for rest := text; rest != ""; {
		a, after, err := parseAction(rest)
		if err != nil {
			return []object.Action{object.AlienActions{Text: text}}
		}
		out, rest = append(out, a), after
	}
	return out
}

var errAlien = errors.New("not an action of ours")

// parseAction reads the first action and returns what follows its comma. It first tries the forms that consist of several OVS
// actions.
func parseAction(text string) (object.Action, string, error) {
	if inner, ok := strings.CutPrefix(text, lookupBefore); ok {
		a, rest, err := parseAction(inner)
		r, isResubmit := a.(object.Resubmit)
		if tail, found := strings.CutPrefix(","+rest, lookupAfter); err == nil && isResubmit && found {
			return object.LookupTarget(r), strings.TrimPrefix(tail, ","), nil
		}
		return nil, "", errAlien
	}
	if tail, ok := strings.CutPrefix(text, "push_vlan:0x8100,set_field:"); ok {
		first, rest := cutAction(tail)
		value, ok := strings.CutSuffix(first, "->vlan_vid")
		id, err := parseUint[uint16](value)
		if !ok || err != nil || id&^0xfff != vlanPresent {
			return nil, "", errAlien
		}
		return object.PushVLAN{ID: id &^ vlanPresent}, rest, nil
	}
	first, rest := cutAction(text)
	a, err := parseSingleAction(first)
	return a, rest, err
}

func parseSingleAction(text string) (object.Action, error) {
	switch {
	case text == "pop_vlan":
		return object.PopVLAN{}, nil
	case text == "LOCAL":
		return object.Output{Port: portLocal}, nil
	case strings.HasPrefix(text, "output:"):
		p, err := parseUint[uint32](text[len("output:"):])
		return object.Output{Port: p}, err
	case strings.HasPrefix(text, "meter:"):
		id, err := parseUint[uint32](text[len("meter:"):])
		return object.ApplyMeter{ID: id}, err
	case strings.HasPrefix(text, "goto_table:"):
		t, err := parseUint[uint8](text[len("goto_table:"):])
		return object.Goto{Table: t}, err
	case strings.HasPrefix(text, "resubmit(,") && strings.HasSuffix(text, ")"):
		t, err := parseUint[uint8](text[len("resubmit(,") : len(text)-1])
		return object.Resubmit{Table: t}, err
	case strings.HasPrefix(text, "set_field:"):
		return parseSetField(text[len("set_field:"):])
	case strings.HasPrefix(text, "learn("):
		return parseLearn(text)
	case strings.HasPrefix(text, loadLiveBefore):
		return parseLoadLive(text)
	case strings.HasPrefix(text, checkLargerBefore):
		return parseCheckLarger(text)
	case strings.HasPrefix(text, loadBitBefore):
		return parseLoadBit(text)
	case strings.HasPrefix(text, "ct("):
		return parseTrack(text)
	}
	return nil, errAlien
}

// parseLoadBit reads the numbers of a load into one bit. It accepts the action only if rendering it gives the same text.
func parseLoadBit(text string) (object.Action, error) {
	value, to, _ := strings.Cut(strings.TrimPrefix(text, loadBitBefore), "->NXM_NX_REG")
	reg, bit, _ := strings.Cut(strings.TrimSuffix(to, "]"), "[")
	a := object.LoadBit{Value: value == "0x1"}
	var errs [2]error
	a.Reg, errs[0] = parseUint[uint8](reg)
	a.Bit, errs[1] = parseUint[uint8](bit)
	if errors.Join(errs[:]...) != nil || renderLoadBit(a) != text {
		return nil, errAlien
	}
	return a, nil
}

// parseTrack reads the two forms of ct that Weft writes. It accepts them only if rendering gives the same text.
func parseTrack(text string) (a object.Action, err error) {
	var zone, table uint64
	inner, zoneText, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(text, "ct("), ")"), ",zone=")
	if zone, err = strconv.ParseUint(zoneText, 10, 16); err != nil {
		return nil, errAlien
	}
	a = object.Commit{Zone: uint16(zone)}
	if tableText, ok := strings.CutPrefix(inner, "table="); ok {
		if table, err = strconv.ParseUint(tableText, 10, 8); err != nil {
			return nil, errAlien
		}
		a = object.Track{Zone: uint16(zone), Table: uint8(table)}
	}
	if rendered, err := renderAction(a); err != nil || rendered != text {
		return nil, errAlien
	}
	return a, nil
}

func parseSetField(text string) (object.Action, error) {
	value, field, _ := strings.Cut(text, "->")
	if field == "metadata" {
		v, err := parseUint[uint64](value)
		return object.SetMetadata{Value: v}, err
	}
	switch field {
	case "eth_src", "eth_dst", "arp_sha", "nd_sll":
		return parseSetMAC(value, field)
	case "ip_src", "ip_dst", "arp_spa", "ipv6_src", "ipv6_dst":
		return parseSetAddress(value, field)
	case "udp_src":
		port, err := parseUint[uint16](value)
		return object.SetUDPSrc{Port: port}, err
	}
	number, ok := strings.CutPrefix(field, "reg")
	if !ok {
		return nil, errAlien
	}
	reg, err := parseUint[uint8](number)
	if err != nil {
		return nil, err
	}
	v, err := parseUint[uint32](value)
	return object.SetReg{Reg: reg, Value: v}, err
}

func parseSetMAC(value, field string) (object.Action, error) {
	mac, err := parseMAC(value)
	switch field {
	case "eth_src":
		return object.SetEthSrc{MAC: mac}, err
	case "eth_dst":
		return object.SetEthDst{MAC: mac}, err
	case "arp_sha":
		return object.SetARPSHA{MAC: mac}, err
	}
	return object.SetNDSLL{MAC: mac}, err
}

// parseSetAddress accepts an address of the field's family only.
func parseSetAddress(value, field string) (object.Action, error) {
	addr, err := netip.ParseAddr(value)
	six := strings.HasPrefix(field, "ipv6")
	if err != nil || addr.Is6() != six || addr.Is4In6() || addr.Zone() != "" {
		return nil, errAlien
	}
	switch field {
	case "ip_src":
		return object.SetIPSrc{Addr: addr}, nil
	case "ip_dst":
		return object.SetIPDst{Addr: addr}, nil
	case "arp_spa":
		return object.SetARPSPA{Addr: addr}, nil
	case "ipv6_src":
		return object.SetIPv6Src{Addr: addr}, nil
	}
	return object.SetIPv6Dst{Addr: addr}, nil
}

// parseLearn reads the numbers of a learn action. It accepts the action only if rendering it gives the same text.
func parseLearn(text string) (object.Action, error) {
	var a object.LearnLinkLocal
	var hard uint16
	for _, arg := range strings.Split(strings.TrimPrefix(text, "learn("), ",") {
		name, value, _ := strings.Cut(arg, "=")
		var err error
		switch name {
		case "table":
			a.Table, err = parseUint[uint8](value)
		case "idle_timeout":
			a.IdleTimeout, err = parseUint[uint16](value)
		case "hard_timeout":
			hard, err = parseUint[uint16](value)
		case "cookie":
			a.Cookie, err = parseUint[uint64](value)
		case "limit":
			a.Limit, err = parseUint[uint32](value)
		}
		if err != nil {
			return nil, err
		}
	}
	if _, fields, counts := strings.Cut(text, learnRejectedFields); counts {
		return parseLearnRejected(text, fields, a)
	}
	if _, bit, remembers := strings.Cut(text, learnMACFields); remembers {
		m := object.LearnMAC{Table: a.Table, Cookie: a.Cookie, Limit: a.Limit, HardTimeout: hard}
		var err error
		if m.Bit, err = parseUint[uint8](strings.TrimSuffix(bit, "])")); err != nil {
			return nil, err
		}
		if renderLearnMAC(m) != text {
			return nil, errAlien
		}
		return m, nil
	}
	if renderLearn(a) != text {
		return nil, errAlien
	}
	return a, nil
}

// parseLearnRejected is parseLearn for the action that counts. fields is the rest of the text, from the number of the port's register on.
func parseLearnRejected(text, fields string, l object.LearnLinkLocal) (object.Action, error) {
	a := object.LearnRejected{Table: l.Table, Cookie: l.Cookie, Limit: l.Limit, IdleTimeout: l.IdleTimeout}
	port, bit, _ := strings.Cut(fields, "[],load:0x1->NXM_NX_REG4[")
	var errs [2]error
	a.Port, errs[0] = parseUint[uint8](port)
	a.Bit, errs[1] = parseUint[uint8](strings.TrimSuffix(bit, "])"))
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if renderLearnRejected(a) != text {
		return nil, errAlien
	}
	return a, nil
}

// parseLoadLive reads the numbers of a bundle_load. It accepts the action only if rendering it gives the same text.
func parseLoadLive(text string) (object.Action, error) {
	var a object.LoadLive
	head, members, ok := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(text, loadLiveBefore+"NXM_NX_REG"), ")"), "[0..15],members:")
	reg, err := parseUint[uint8](head)
	ports := strings.Split(members, ",")
	if !ok || err != nil || len(ports) > len(a.Ports) {
		return nil, errAlien
	}
	a.Reg = reg
	for i, p := range ports {
		port, err := parseUint[uint16](p)
		if err != nil {
			return nil, errAlien
		}
		a.Ports[i] = uint32(port)
	}
	if renderLoadLive(a) != text {
		return nil, errAlien
	}
	return a, nil
}

// parseCheckLarger reads the numbers of a check_pkt_larger. It accepts the action only if rendering it gives the same text.
func parseCheckLarger(text string) (object.Action, error) {
	var a object.CheckLarger
	var errs [3]error
	length, to, _ := strings.Cut(strings.TrimPrefix(text, checkLargerBefore), ")->NXM_NX_REG")
	reg, bit, _ := strings.Cut(strings.TrimSuffix(to, "]"), "[")
	a.Length, errs[0] = parseUint[uint16](length)
	a.Reg, errs[1] = parseUint[uint8](reg)
	a.Bit, errs[2] = parseUint[uint8](bit)
	if errors.Join(errs[:]...) != nil || renderCheckLarger(a) != text {
		return nil, errAlien
	}
	return a, nil
}

// cutAction splits at the first comma outside parentheses.
func cutAction(text string) (first, rest string) {
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth == 0 {
				return text[:i], text[i+1:]
			}
		}
	}
	return text, ""
}
