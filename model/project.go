package model

// KindProject is the kind of objects with a ProjectSpec.
const KindProject Kind = "Project"

// ProjectKind is the row of the kind in AllKinds.
func ProjectKind() KindInfo {
	return KindInfo{Kind: KindProject, ClusterScoped: true, New: func() Spec { return &ProjectSpec{} }}
}

// ProjectSpec declares a project. It owns networks and ports and is isolated from all other projects.
type ProjectSpec struct{}

// Kind implements Spec.
func (*ProjectSpec) Kind() Kind { return KindProject }

// References implements Spec: a project refers to nothing.
func (*ProjectSpec) References(string) []Reference { return nil }

// Validate implements Spec.
func (*ProjectSpec) Validate(*Checker) {}

// ValidateRefs implements Spec.
func (*ProjectSpec) ValidateRefs(*RefChecker) {}
