// Package model has what people declare: the kinds of intent, their canonical values and their validation.
//
// Invariants:
//
//   - It does no I/O.
//   - Every value that leaves the package is canonical: addresses are unmapped and without zone, prefixes are masked, MACs are
//     unicast and have six bytes.
//   - Every error names the object and the field's path.
package model

import (
	"cmp"
	"strings"
)

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
// them in reverse order, never leaves a reference to a missing object. Address pools come before ports, which get addresses of them. It
// is only read.
type Kinds []KindInfo

// AllKinds are all kinds of this version.
func AllKinds() Kinds {
	all := rows()
	return all[:]
}

// rows is the list. It is an array, so that looking something up in it needs no memory.
func rows() [9]KindInfo {
	return [...]KindInfo{ProjectKind(), SecurityGroupKind(), PhysicalNetworkKind(), HostKind(), NetworkKind(), AddressPoolKind(),
		RouterKind(), PortKind(), FloatingIPKind()}
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

func (list Kinds) has(k Kind) bool { return list.info(k).New != nil }

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
	for _, one := range list {
		singular := s
		if n := len(one.Kind); len(s) == n+1 && (s[n] == 's' || s[n] == 'S') {
			singular = s[:n]
		}
		if len(singular) == len(one.Kind) && strings.EqualFold(singular, string(one.Kind)) {
			return one.Kind, true
		}
	}
	return "", false
}

// OfSegment finds a kind by its exact segment. It needs no memory: it is asked for each key that is read.
func (list Kinds) OfSegment(s string) (Kind, bool) {
	for i := range list {
		if k := list[i].Kind; k.hasSegment(s) {
			return k, true
		}
	}
	return "", false
}

func (k Kind) hasSegment(s string) bool {
	if len(k) != len(s) {
		return false
	}
	for i := range len(s) {
		c := k[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != s[i] {
			return false
		}
	}
	return true
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

// HostID is the ID of a host.
func HostID(name string) ID { return ID{Project: ClusterProject, Kind: KindHost, Name: name} }

// Compare orders IDs by project, kind and name.
func (id ID) Compare(other ID) int {
	return cmp.Or(strings.Compare(id.Project, other.Project), strings.Compare(string(id.Kind), string(other.Kind)),
		strings.Compare(id.Name, other.Name))
}

// String writes the ID as people read it: "Port alpha/web-1", "Host h1".
func (id ID) String() string {
	if id.Kind.ClusterScoped() {
		return string(id.Kind) + " " + id.Name
	}
	return string(id.Kind) + " " + id.Project + "/" + id.Name
}
