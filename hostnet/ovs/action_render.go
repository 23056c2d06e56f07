package ovs

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"weft/hostnet/object"
)

// renderActions writes an action list in the words of ovs-ofctl (ovs-actions(7)), in the form that ovs-ofctl prints.
func renderActions(actions []object.Action) (string, error) {
	if len(actions) == 0 {
		return "drop", nil
	}
	texts := make([]string, len(actions))
	for i, a := range actions {
		t, err := renderAction(a)
		if err != nil {
			return "", err
		}
		texts[i] = t
	}
	return strings.Join(texts, ","), nil
}

func renderAction(a object.Action) (string, error) {
	switch a := a.(type) {
	case object.Output:
		if a.Port == portLocal {
			return "LOCAL", nil
		}
		return fmt.Sprintf("output:%d", a.Port), nil
	case object.Goto:
		return fmt.Sprintf("goto_table:%d", a.Table), nil
	case object.Resubmit:
		return fmt.Sprintf("resubmit(,%d)", a.Table), nil
	case object.LookupTarget:
		return fmt.Sprintf("%sresubmit(,%d)%s", lookupBefore, a.Table, lookupAfter), nil
	case object.SetMetadata:
		return fmt.Sprintf("set_field:%#x->metadata", a.Value), nil
	case object.SetReg:
		return fmt.Sprintf("set_field:%#x->reg%d", a.Value, a.Reg), nil
	case object.LoadLive:
		return renderLoadLive(a), nil
	case object.SetEthSrc:
		return fmt.Sprintf("set_field:%s->eth_src", a.MAC), nil
	case object.SetIPSrc:
		return renderAddress(a.Addr, "ip_src")
	case object.SetIPDst:
		return renderAddress(a.Addr, "ip_dst")
	case object.SetUDPSrc:
		return fmt.Sprintf("set_field:%d->udp_src", a.Port), nil
	case object.PushVLAN:
		if a.ID > 4095 {
			return "", fmt.Errorf("action push_vlan: %d is no VLAN id", a.ID)
		}
		return fmt.Sprintf("push_vlan:0x8100,set_field:%d->vlan_vid", vlanPresent|a.ID), nil
	case object.PopVLAN:
		return "pop_vlan", nil
	case object.LearnLinkLocal:
		return renderLearn(a), nil
	case object.CheckLarger:
		return renderCheckLarger(a), nil
	}
	return "", fmt.Errorf("action %s (%T): the Open vSwitch driver does not know this type", a, a)
}

func renderAddress(a netip.Addr, field string) (string, error) {
	if !a.Is4() {
		return "", fmt.Errorf("action set_field: %s is no IPv4 address for %s", a, field)
	}
	return fmt.Sprintf("set_field:%s->%s", a, field), nil
}

func renderCheckLarger(a object.CheckLarger) string {
	return fmt.Sprintf("%s%d)->NXM_NX_REG%d[%d]", checkLargerBefore, a.Length, a.Reg, a.Bit)
}

// checkLargerBefore begins check_pkt_larger.
const checkLargerBefore = "check_pkt_larger("

// vlanPresent is OFPVID_PRESENT, the bit of vlan_vid that says that there is a tag.
const vlanPresent = 0x1000

// LookupTarget is a resubmit with the neighbour discovery target in place of the IPv6 source. The source is restored afterwards.
const (
	lookupBefore = "push:NXM_NX_IPV6_SRC[],move:NXM_NX_ND_TARGET[]->NXM_NX_IPV6_SRC[],"
	lookupAfter  = ",pop:NXM_NX_IPV6_SRC[]"
)

// renderLoadLive writes bundle_load as ovs-ofctl prints it.
func renderLoadLive(a object.LoadLive) string {
	var ports []string
	for _, p := range a.Ports {
		if p != 0 {
			ports = append(ports, strconv.FormatUint(uint64(p), 10))
		}
	}
	return fmt.Sprintf("%sNXM_NX_REG%d[0..15],members:%s)", loadLiveBefore, a.Reg, strings.Join(ports, ","))
}

// loadLiveBefore begins the only form of bundle_load that Weft writes.
const loadLiveBefore = "bundle_load(eth_src,0,active_backup,ofport,"

// renderLearn writes the learn action exactly as ovs-ofctl prints it. So parseLearn can compare texts.
func renderLearn(a object.LearnLinkLocal) string {
	var b strings.Builder
	fmt.Fprintf(&b, "learn(table=%d", a.Table)
	if a.IdleTimeout != 0 {
		fmt.Fprintf(&b, ",idle_timeout=%d", a.IdleTimeout)
	}
	b.WriteString(",delete_learned")
	if a.Cookie != 0 {
		fmt.Fprintf(&b, ",cookie=%#x", a.Cookie)
	}
	if a.Limit != 0 {
		fmt.Fprintf(&b, ",limit=%d", a.Limit)
	}
	b.WriteString(",result_dst=NXM_NX_REG4[0],OXM_OF_METADATA[],eth_type=0x86dd,NXM_NX_IPV6_SRC[]," +
		"load:NXM_NX_REG6[]->NXM_NX_REG5[])")
	return b.String()
}
