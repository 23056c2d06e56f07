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

// Spec is implemented by pointers to the spec types of the kinds.
type Spec interface {
	// Kind is the kind the spec belongs to.
	Kind() Kind
	// References lists the objects that the spec names, with the path of the field that names each. project is the object's own
	// project, for references that name none.
	References(project string) []Reference

	// Validate reports what is wrong with the spec by itself.
	Validate(c *Checker)
	// ValidateRefs reports what is wrong with the spec together with the objects that it refers to.
	ValidateRefs(c *RefChecker)
}

// Reference is one object named by a field of another.
type Reference struct {
	Field string // path in the spec, e.g. "spec.network"
	To    ID
}

// UnmarshalJSON reads an object of AllKinds tolerantly: unknown fields are ignored. Accepted objects are read in this way. Manifests
// and intent are read strictly, by DecodeManifest and DecodeIntent.
func (o *Object) UnmarshalJSON(data []byte) error {
	read, err := AllKinds().DecodeObject(data)
	if err == nil {
		*o = read
	}
	return err
}

// DecodeObject reads an object of one of the kinds tolerantly. The error says that the JSON is malformed, or that the kind is not in
// the list.
func (list Kinds) DecodeObject(data []byte) (Object, error) {
	var raw struct {
		APIVersion string          `json:"apiVersion"`
		Kind       Kind            `json:"kind"`
		Metadata   Metadata        `json:"metadata"`
		Spec       json.RawMessage `json:"spec"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return Object{}, err
	}
	spec := list.New(raw.Kind)
	if spec == nil {
		return Object{}, fmt.Errorf("unknown kind %q", raw.Kind)
	}
	if len(raw.Spec) > 0 {
		if err := json.Unmarshal(raw.Spec, spec); err != nil {
			return Object{}, fmt.Errorf("spec: %w", err)
		}
	}
	return Object{raw.APIVersion, raw.Kind, raw.Metadata, spec}, nil
}
