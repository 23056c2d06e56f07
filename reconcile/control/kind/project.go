package kind

import (
	"fmt"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
)

// projectKind: a project is on no node, and claims nothing.
func projectKind() ObjectKind {
	return ObjectKind{
		Cache: cache.ObjectKind{KindInfo: model.ProjectKind()},
		Claim: claim.ObjectKind{Claims: func(a *claim.Allocation) { awaitDefault(a, a.Object().Spec.(*model.ProjectSpec)) }},
	}
}

// awaitDefault holds a new default security group back until there is the group. Otherwise a mistake would cut off the ports of the project
// that name none. A new project has no ports, and its groups come after it.
func awaitDefault(a *claim.Allocation, s *model.ProjectSpec) {
	name := s.DefaultSecurityGroup
	if name == "" || a.Previous == nil || a.Previous.UID != a.UID || a.Previous.Object.Spec.(*model.ProjectSpec).DefaultSecurityGroup == name {
		return
	}
	if id := model.SecurityGroupID(a.ID.Name, name); a.Accepted(id) == nil {
		a.Pending("spec.defaultSecurityGroup", fmt.Sprintf("%s does not exist: create it, or correct the name", id))
	}
}

// defaultInUse says that a group that is deleted is the default of its project; empty when it is not.
func defaultInUse(s *cache.Reader, acc *etcdschema.Accepted) string {
	id := acc.Object.ID()
	if defaultGroup(s, id.Project) == id.Name {
		return fmt.Sprintf("is deleted, but the default of Project %s: it goes when the project has another default, or none", id.Project)
	}
	return ""
}

// defaultGroup is the name of the default security group of a project; empty when it has none.
func defaultGroup(s *cache.Reader, project string) string {
	p := s.Accepted(model.ID{Project: model.ClusterProject, Kind: model.KindProject, Name: project})
	if p == nil {
		return ""
	}
	return p.Object.Spec.(*model.ProjectSpec).DefaultSecurityGroup
}
