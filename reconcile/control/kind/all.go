package kind

import (
	"weft/model"
	"weft/reconcile/control/cache"
)

// AllKinds are all kinds of this version.
func AllKinds() Kinds {
	return Kinds{
		Objects: []ObjectKind{
			projectKind(), {Cache: cache.ObjectKind{KindInfo: model.PhysicalNetworkKind()}},
			securityGroupKind(), hostKind(), networkKind(), addressPoolKind(), routerKind(), portKind(), floatingKind(),
		},
		Items: []ItemKind{hostItemKind(), networkItemKind(), routerItemKind(), portItemKind(), floatingItemKind(), neighborsItemKind(),
			securityGroupItemKind(), groupMembersItemKind()},
	}
}
