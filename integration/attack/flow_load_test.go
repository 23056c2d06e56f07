//go:build integration

package attack

import (
	"fmt"
	"strings"

	"weft/hostnet/object"
)

// flowLine writes a flow for ovs-ofctl.
func flowLine(cookie uint64, f object.Flow) string {
	match := f.Match.String()
	if f.Match.EthType == 0x86dd {
		match = strings.ReplaceAll(match, "nw_src=", "ipv6_src=")
	}
	match = strings.TrimSuffix(","+match, ",any")
	actions := make([]string, len(f.Actions))
	for i, a := range f.Actions {
		actions[i] = actionText(a)
	}
	if len(actions) == 0 {
		actions = []string{"drop"}
	}
	return fmt.Sprintf("cookie=%#x,table=%d,priority=%d%s,actions=%s\n", cookie, f.Table, f.Priority, match, strings.Join(actions, ","))
}

func actionText(a object.Action) string {
	switch a := a.(type) {
	case object.Goto:
		return fmt.Sprintf("goto_table:%d", a.Table)
	case object.Resubmit:
		return fmt.Sprintf("resubmit(,%d)", a.Table)
	case object.LookupTarget:
		return fmt.Sprintf("push:NXM_NX_IPV6_SRC[],move:NXM_NX_ND_TARGET[]->NXM_NX_IPV6_SRC[],resubmit(,%d),pop:NXM_NX_IPV6_SRC[]", a.Table)
	case object.SetMetadata:
		return fmt.Sprintf("set_field:%#x->metadata", a.Value)
	case object.SetReg:
		return fmt.Sprintf("set_field:%#x->reg%d", a.Value, a.Reg)
	case object.PushVLAN:
		return fmt.Sprintf("push_vlan:0x8100,set_field:%d->vlan_vid", 0x1000|a.ID)
	case object.LearnLinkLocal:
		return fmt.Sprintf("learn(table=%d,idle_timeout=%d,delete_learned,cookie=%#x,limit=%d,result_dst=NXM_NX_REG4[0],"+
			"OXM_OF_METADATA[],eth_type=0x86dd,NXM_NX_IPV6_SRC[],load:NXM_NX_REG6[]->NXM_NX_REG5[])", a.Table, a.IdleTimeout, a.Cookie, a.Limit)
	}
	return a.String()
}
