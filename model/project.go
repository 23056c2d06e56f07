package model

// KindProject is the kind of objects with a ProjectSpec.
const KindProject Kind = "Project"

// ProjectKind is the row of the kind in AllKinds.
func ProjectKind() KindInfo {
	return KindInfo{Kind: KindProject, ClusterScoped: true, New: func() Spec { return &ProjectSpec{} }}
}

// ProjectSpec declares a project. It owns networks and ports and is isolated from all other projects.
type ProjectSpec struct {
	// PortLimits are the limits of each port of the project that are set neither on the port nor on its network.
	PortLimits PortLimits `json:"portLimits,omitzero"`
	// DefaultSecurityGroup is the name of a security group of the project: that of the ports that name none. It is no reference,
	// because the group comes after the project. A new default is in force when there is the group. A group that is the default stays.
	DefaultSecurityGroup string `json:"defaultSecurityGroup,omitempty"`
}

// Kind implements Spec.
func (*ProjectSpec) Kind() Kind { return KindProject }

// References implements Spec: a project refers to nothing.
func (*ProjectSpec) References(string) []Reference { return nil }

// Validate implements Spec.
func (s *ProjectSpec) Validate(c *Checker) {
	s.PortLimits.validate(c, "spec.portLimits")
	if s.DefaultSecurityGroup != "" {
		c.name("spec.defaultSecurityGroup", s.DefaultSecurityGroup)
	}
}

// ValidateRefs implements Spec.
func (*ProjectSpec) ValidateRefs(*RefChecker) {}
