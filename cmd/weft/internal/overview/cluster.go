// Package overview reads and shows the state of the whole cluster: etcd, the controllers, every host, and what is not as declared.
//
// Invariants:
//   - It only reads.
//   - A record that cannot be decoded is left out. One wrong record does not hide the others.
package overview

import (
	"context"
	"time"

	"weft/etcdschema"
)

// Cluster is everything `weft status` shows.
type Cluster struct {
	Etcd    *etcdschema.Health        `json:"etcd,omitempty"`
	Control *etcdschema.ControlStatus `json:"control,omitempty"` // nil when no controller ever led
	Nodes   []Node                    `json:"nodes"`
	Pending []Pending                 `json:"pending"`
	// Warnings are what looks wrong although nothing failed.
	Warnings []Warning `json:"warnings,omitempty"`
}

// Node is one host: its report, compared with its node config.
type Node struct {
	Name   string                `json:"name"`
	Live   bool                  `json:"live"`
	Report etcdschema.NodeReport `json:"report"`
	// Behind is the number of changes to the node config that the host has not processed.
	Behind     int64                           `json:"behind"`
	Exceptions map[string]etcdschema.Exception `json:"exceptions,omitempty"` // by uid
	Warnings   map[string][]etcdschema.Warning `json:"warnings,omitempty"`   // by uid
}

// Warning is something that looks wrong about one object on one host.
type Warning struct {
	Object string `json:"object"` // as a Pending's
	Node   string `json:"node"`
	etcdschema.Warning
}

// Pending is one object that is not as declared, with the reason.
type Pending struct {
	Object string    `json:"object"` // "Port alpha/web-1", or a uid nobody knows
	Node   string    `json:"node,omitempty"`
	State  string    `json:"state"`
	Reason string    `json:"reason"`
	Since  time.Time `json:"since,omitzero"`
}

// Store is what is read of etcd.
type Store interface {
	GetMany(context.Context, []etcdschema.Key) (map[etcdschema.Key]etcdschema.Item, error)
	List(context.Context, etcdschema.Prefix) ([]etcdschema.Item, int64, error)
}
