// Package model has what people declare: the kinds of intent, their canonical values and their validation.
//
// Invariants:
//
//   - It does no I/O.
//   - Every value that leaves the package is canonical: addresses are unmapped and without zone, prefixes are masked, MACs are
//     unicast and have six bytes.
//   - Every error names the object and the field's path.
package model

import "strings"

// APIVersion is the only apiVersion a manifest may carry.
const APIVersion = "weft/v1"

// ClusterProject is the project segment in the etcd keys of cluster-scoped kinds.
const ClusterProject = "_"

// Kind names a kind of intent as it is written in a manifest ("PhysicalNetwork").
type Kind string

// KindInfo is what all programs must know of a kind of intent. Each kind's file has its own.
type KindInfo struct {
	Kind Kind
	// ClusterScoped says that objects of the kind belong to no project. Their keys have ClusterProject instead.
	ClusterScoped bool
	// New makes an empty spec: a pointer.
	New func() Spec
}

// Kinds are the kinds that a program knows, each after the kinds to which it refers. To apply objects in this order, and to delete
// them in reverse order, never leaves a reference to a missing object. It is only read.
type Kinds []KindInfo

// AllKinds are all kinds of this version.
func AllKinds() Kinds {
	all := rows()
	return all[:]
}

// rows is the list. It is an array, so that looking something up in it needs no memory.
func rows() [7]KindInfo {
	return [...]KindInfo{ProjectKind(), PhysicalNetworkKind(), HostKind(), NetworkKind(), RouterKind(), PortKind(), FloatingIPKind()}
}

// Segment is the kind as a key segment and as a CLI argument: lower case, singular ("physicalnetwork").
func (k Kind) Segment() string { return strings.ToLower(string(k)) }

// ClusterScoped says that objects of the kind belong to no project. Only kinds of AllKinds can do so.
func (k Kind) ClusterScoped() bool {
	all := rows()
	for i := range all {
		if all[i].Kind == k {
			return all[i].ClusterScoped
		}
	}
	return false
}

// info finds a kind; the zero KindInfo when it is not in the list.
func (list Kinds) info(k Kind) (none KindInfo) {
	for _, one := range list {
		if one.Kind == k {
			return one
		}
	}
	return none
}

// Names lists the kinds.
func (list Kinds) Names() []Kind {
	names := make([]Kind, len(list))
	for i, one := range list {
		names[i] = one.Kind
	}
	return names
}

// New returns a pointer to an empty spec of the kind, or nil for a kind that is not in the list.
func (list Kinds) New(k Kind) Spec {
	if one := list.info(k); one.New != nil {
		return one.New()
	}
	return nil
}

// Parse finds a kind by its segment or its name, case-insensitively, singular or with a plural "s" ("ports").
func (list Kinds) Parse(s string) (Kind, bool) {
	segment := strings.ToLower(s)
	for _, one := range list {
		if segment == one.Kind.Segment() || segment == one.Kind.Segment()+"s" {
			return one.Kind, true
		}
	}
	return "", false
}

// text lists the kinds as people write them.
func (list Kinds) text() string {
	var names []string
	for _, k := range list.Names() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

// ID names one intent object. Project is ClusterProject for cluster-scoped kinds. IDs are comparable.
type ID struct {
	Project string
	Kind    Kind
	Name    string
}

// String writes the ID as people read it: "Port alpha/web-1", "Host h1".
func (id ID) String() string {
	if id.Kind.ClusterScoped() {
		return string(id.Kind) + " " + id.Name
	}
	return string(id.Kind) + " " + id.Project + "/" + id.Name
}
