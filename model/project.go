package model

// ProjectSpec declares a project. It owns networks and ports and is isolated from all other projects.
type ProjectSpec struct{}

// Kind implements Spec.
func (*ProjectSpec) Kind() Kind { return KindProject }

// References implements Spec: a project refers to nothing.
func (*ProjectSpec) References(string) []Reference { return nil }

func (*ProjectSpec) validate(*checker) {}

func (*ProjectSpec) validateRefs(*refChecker) {}
