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

// The kinds of intent.
const (
	KindProject         Kind = "Project"
	KindHost            Kind = "Host"
	KindPhysicalNetwork Kind = "PhysicalNetwork"
	KindNetwork         Kind = "Network"
	KindRouter          Kind = "Router"
	KindPort            Kind = "Port"
	KindFloatingIP      Kind = "FloatingIP"
)

// Kinds lists every kind, each after the kinds to which it refers. To apply objects in this order, and to delete them in reverse
// order, never leaves a reference to a missing object. The caller may change the slice.
func Kinds() []Kind {
	return []Kind{KindProject, KindPhysicalNetwork, KindHost, KindNetwork, KindRouter, KindPort, KindFloatingIP}
}

// Segment is the kind as a key segment and as a CLI argument: lower case, singular ("physicalnetwork").
func (k Kind) Segment() string { return strings.ToLower(string(k)) }

// ClusterScoped says that objects of the kind belong to no project. Their keys have ClusterProject instead.
func (k Kind) ClusterScoped() bool {
	return k == KindProject || k == KindHost || k == KindPhysicalNetwork
}

// ParseKind finds a kind by its segment or its name, case-insensitively, singular or with a plural "s" ("ports").
func ParseKind(s string) (Kind, bool) {
	seg := strings.ToLower(s)
	for _, k := range Kinds() {
		if seg == k.Segment() || seg == k.Segment()+"s" {
			return k, true
		}
	}
	return "", false
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
