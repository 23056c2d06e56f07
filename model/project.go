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
}

// Kind implements Spec.
func (*ProjectSpec) Kind() Kind { return KindProject }

// References implements Spec: a project refers to nothing.
func (*ProjectSpec) References(string) []Reference { return nil }

// Validate implements Spec.
func (s *ProjectSpec) Validate(c *Checker) { s.PortLimits.validate(c, "spec.portLimits") }

// ValidateRefs implements Spec.
func (*ProjectSpec) ValidateRefs(*RefChecker) {}
