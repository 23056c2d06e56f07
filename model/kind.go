// Package model holds what people declare: the kinds of intent, their canonical values and their validation.
//
// Invariants: no I/O; every value that leaves the package is canonical (addresses unmapped and without zone, prefixes
// masked, MACs unicast of six bytes); every error names the object and the field's path.
package model

import "strings"

// APIVersion is the only apiVersion a manifest may carry.
const APIVersion = "weft/v1"

// ClusterProject is the project segment under which cluster-scoped kinds stand in etcd.
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

// Kinds lists every kind in the order in which references point: a kind refers only to kinds before it. Applying in
// this order, and deleting in the reverse, never leaves a reference dangling. The slice is the caller's.
func Kinds() []Kind {
	return []Kind{KindProject, KindPhysicalNetwork, KindHost, KindNetwork, KindRouter, KindPort, KindFloatingIP}
}

// Segment is the kind as a key segment and as a CLI argument: lower case, singular ("physicalnetwork").
func (k Kind) Segment() string { return strings.ToLower(string(k)) }

// ClusterScoped says that objects of the kind belong to no project and stand under ClusterProject.
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
