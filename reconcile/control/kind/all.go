package kind

// AllKinds are all kinds of this version.
func AllKinds() Kinds {
	return Kinds{
		Objects: []ObjectKind{
			projectKind(), physicalNetworkKind(),
			securityGroupKind(), hostKind(), networkKind(), addressPoolKind(), routerKind(), portKind(), floatingKind(),
		},
		Items: []ItemKind{hostItemKind(), networkItemKind(), routerItemKind(), portItemKind(), floatingItemKind(), neighborsItemKind(),
			securityGroupItemKind(), groupMembersItemKind(), metadataItemKind()},
	}
}
