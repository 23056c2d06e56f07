package model

import (
	"encoding/json"
	"fmt"
)

// Metadata names an object. Project is empty in manifests of cluster-scoped kinds; DisplayName is free text.
type Metadata struct {
	Project     string `json:"project,omitempty"`
	Name        string `json:"name"`
	DisplayName string `json:"displayName,omitempty"`
}

// Object is one intent object: a manifest, or the value of an intent key. Spec is a pointer to the spec type of Kind
// (*ProjectSpec, *HostSpec, …).
type Object struct {
	APIVersion string   `json:"apiVersion"`
	Kind       Kind     `json:"kind"`
	Metadata   Metadata `json:"metadata"`
	Spec       Spec     `json:"spec"`
}

// ID is the object's ID, with ClusterProject for cluster-scoped kinds.
func (o Object) ID() ID {
	project := o.Metadata.Project
	if o.Kind.ClusterScoped() {
		project = ClusterProject
	}
	return ID{Project: project, Kind: o.Kind, Name: o.Metadata.Name}
}

// Spec is implemented by exactly the spec types of this package.
type Spec interface {
	// Kind is the kind the spec belongs to.
	Kind() Kind
	// References lists the objects that the spec names, with the path of the field that names each. project is the object's own
	// project, for references that name none.
	References(project string) []Reference

	// validate reports what is wrong with the spec by itself.
	validate(c *checker)
	// validateRefs reports what is wrong with the spec together with the objects that it refers to.
	validateRefs(c *refChecker)
}

// Reference is one object named by a field of another.
type Reference struct {
	Field string // path in the spec, e.g. "spec.network"
	To    ID
}

// NewSpec returns a pointer to an empty spec of the kind, or nil for an unknown kind.
func NewSpec(k Kind) Spec {
	switch k {
	case KindProject:
		return &ProjectSpec{}
	case KindHost:
		return &HostSpec{}
	case KindPhysicalNetwork:
		return &PhysicalNetworkSpec{}
	case KindNetwork:
		return &NetworkSpec{}
	case KindRouter:
		return &RouterSpec{}
	case KindPort:
		return &PortSpec{}
	case KindFloatingIP:
		return &FloatingIPSpec{}
	}
	return nil
}

// UnmarshalJSON reads an object tolerantly: unknown fields are ignored. Accepted objects are read in this way. Manifests and intent
// are read strictly, by DecodeManifest and DecodeIntent.
func (o *Object) UnmarshalJSON(data []byte) error {
	var raw struct {
		APIVersion string          `json:"apiVersion"`
		Kind       Kind            `json:"kind"`
		Metadata   Metadata        `json:"metadata"`
		Spec       json.RawMessage `json:"spec"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	spec := NewSpec(raw.Kind)
	if spec == nil {
		return fmt.Errorf("unknown kind %q", raw.Kind)
	}
	if len(raw.Spec) > 0 {
		if err := json.Unmarshal(raw.Spec, spec); err != nil {
			return fmt.Errorf("spec: %w", err)
		}
	}
	*o = Object{raw.APIVersion, raw.Kind, raw.Metadata, spec}
	return nil
}
