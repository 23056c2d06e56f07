package linuxbridge

import (
	"weft/model/desired"
	"weft/reconcile/compile"
)

// SecurityGroup refuses the group, as Port refuses ports that have some.
func (Backend) SecurityGroup(b *compile.Builder, _ compile.Site, _ *desired.SecurityGroup) {
	b.Refuse("hosts with driver bridge have no security groups yet")
}

// GroupMembers adds nothing, because no rule looks for them.
func (Backend) GroupMembers(*compile.Builder, compile.Site, *desired.GroupMembers) {}
