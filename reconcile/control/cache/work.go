package cache

import (
	"weft/model"
	"weft/model/desired"
)

// Work is one piece of work. It is done completely, in one transaction.
type Work struct {
	Kind WorkKind
	ID   model.ID    // WorkObject
	Node string      // WorkItem, WorkHead
	Item desired.Key // WorkItem
	UID  string      // WorkOrphan
}

// String names the work item for logs.
func (u Work) String() string {
	switch u.Kind {
	case WorkItem:
		return string(u.Item.Kind) + " " + u.Item.UID + " of node " + u.Node
	case WorkHead:
		return "head of node " + u.Node
	case WorkOrphan:
		return "claims of " + u.UID
	}
	return u.ID.String()
}

// WorkKind says what a work item is about.
type WorkKind int

const (
	WorkObject WorkKind = iota // an intent object: accept, allocate, place
	WorkItem                   // an item of a node config: repair it, or update it from its object
	WorkHead                   // the head of a node config that does not match
	WorkOrphan                 // claims of an owner that is not accepted any more, or prefixes that a router does not need
)

// ObjectWork brings an object of intent as far as possible.
func ObjectWork(id model.ID) Work { return Work{Kind: WorkObject, ID: id} }

// ItemWork repairs or updates an item of a node config.
func ItemWork(node string, k desired.Key) Work { return Work{Kind: WorkItem, Node: node, Item: k} }

// HeadWork writes the head of a node config.
func HeadWork(node string) Work { return Work{Kind: WorkHead, Node: node} }

// OrphanWork releases claims of an owner that is not accepted, or that an accepted owner does not need.
func OrphanWork(uid string) Work { return Work{Kind: WorkOrphan, UID: uid} }
