package ovs

import (
	"errors"
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
		if c, ok := a.(object.Track); ok && i < len(actions)-1 {
			return "", fmt.Errorf("action %s: what follows it would not know what was tracked: it must be the last action", c)
		}
		if m, ok := a.(object.ApplyMeter); ok && i > 0 {
			return "", fmt.Errorf("action %s: a meter must be the first action of a flow, and the only one", m)
		}
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
	case object.SetEthDst:
		return fmt.Sprintf("set_field:%s->eth_dst", a.MAC), nil
	case object.SetARPSHA:
		return fmt.Sprintf("set_field:%s->arp_sha", a.MAC), nil
	case object.SetARPSPA:
		return renderAddress(a.Addr, "arp_spa")
	case object.SetNDSLL:
		return fmt.Sprintf("set_field:%s->nd_sll", a.MAC), nil
	case object.SetIPv6Src:
		return renderAddress6(a.Addr, "ipv6_src")
	case object.SetIPv6Dst:
		return renderAddress6(a.Addr, "ipv6_dst")
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
	case object.ApplyMeter:
		return fmt.Sprintf("meter:%d", a.ID), nil
	case object.LearnLinkLocal:
		return renderLearn(a), nil
	case object.LearnRejected:
		if a.Limit == 0 {
			return "", errors.New("action learn: a limit of 0 is none: expected at least 1")
		}
		return renderLearnRejected(a), nil
	case object.LearnMAC:
		if a.Limit == 0 {
			return "", errors.New("action learn: a limit of 0 is none: expected at least 1")
		}
		return renderLearnMAC(a), nil
	case object.CheckLarger:
		return renderCheckLarger(a), nil
	case object.LoadBit:
		return renderLoadBit(a), nil
	case object.Track:
		return renderTrack(fmt.Sprintf("table=%d", a.Table), a.Zone)
	case object.Commit:
		return renderTrack("commit", a.Zone)
	}
	return "", fmt.Errorf("action %s (%T): the Open vSwitch driver does not know this type", a, a)
}

func renderAddress(a netip.Addr, field string) (string, error) {
	if !a.Is4() {
		return "", fmt.Errorf("action set_field: %s is no IPv4 address for %s", a, field)
	}
	return fmt.Sprintf("set_field:%s->%s", a, field), nil
}

func renderTrack(what string, zone uint16) (string, error) {
	if zone == 0 {
		return "", errors.New("action ct: zone 0 is everybody's: expected a zone of the network's own")
	}
	return fmt.Sprintf("ct(%s,zone=%d)", what, zone), nil
}

func renderLoadBit(a object.LoadBit) string {
	value := "0"
	if a.Value {
		value = "0x1"
	}
	return fmt.Sprintf("%s%s->NXM_NX_REG%d[%d]", loadBitBefore, value, a.Reg, a.Bit)
}

// loadBitBefore begins LoadBit.
const loadBitBefore = "load:"

func renderAddress6(a netip.Addr, field string) (string, error) {
	if !a.Is6() || a.Is4In6() {
		return "", fmt.Errorf("action set_field: %s is no IPv6 address for %s", a, field)
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
	return learnText(a.Table, a.IdleTimeout, 0, a.Cookie, a.Limit) + ",result_dst=NXM_NX_REG4[0],OXM_OF_METADATA[],eth_type=0x86dd,NXM_NX_IPV6_SRC[]," +
		"load:NXM_NX_REG6[]->NXM_NX_REG5[])"
}

// renderLearnRejected is renderLearn for the action that counts.
func renderLearnRejected(a object.LearnRejected) string {
	return learnText(a.Table, a.IdleTimeout, 0, a.Cookie, a.Limit) + fmt.Sprintf(learnRejectedFields+"%d[],load:0x1->NXM_NX_REG4[%d])", a.Port, a.Bit)
}

// learnRejectedFields is what tells LearnRejected from LearnLinkLocal.
const learnRejectedFields = ",NXM_NX_REG3[],NXM_NX_REG"

// renderLearnMAC is renderLearn for the action that remembers senders.
func renderLearnMAC(a object.LearnMAC) string {
	return learnText(a.Table, 0, a.HardTimeout, a.Cookie, a.Limit) + fmt.Sprintf("%s%d])", learnMACFields, a.Bit)
}

// learnMACFields is what tells LearnMAC from the other learn actions.
const learnMACFields = ",OXM_OF_METADATA[],NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],load:0x1->NXM_NX_REG4["

// learnText is the beginning that all learn actions share.
func learnText(table uint8, idle, hard uint16, cookie uint64, limit uint32) string {
	var b strings.Builder
	fmt.Fprintf(&b, "learn(table=%d", table)
	if idle != 0 {
		fmt.Fprintf(&b, ",idle_timeout=%d", idle)
	}
	if hard != 0 {
		fmt.Fprintf(&b, ",hard_timeout=%d", hard)
	}
	b.WriteString(",delete_learned")
	if cookie != 0 {
		fmt.Fprintf(&b, ",cookie=%#x", cookie)
	}
	if limit != 0 {
		fmt.Fprintf(&b, ",limit=%d", limit)
	}
	return b.String()
}
