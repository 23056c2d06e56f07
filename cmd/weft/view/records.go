package view

import (
	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// Reads says which records `weft describe` reads of an object, besides its intent, its status, its claims and what its hosts report.
type Reads struct {
	// Network is the network that the object is on; the zero ID for none. Its accepted record is read. On each of the object's hosts
	// it is read what is wrong with the network and with the host, because the object depends on both.
	Network model.ID
	// Port says that the hosts have a port of this object in their node configs.
	Port bool
	// Gateway is the host whose centralized routers are read; empty for none.
	Gateway string
}

// Records are what was read of an object.
type Records struct {
	Network *etcdschema.Accepted   // as Reads names it; nil when there is none
	Hosts   map[string]HostRecords // by node
	// Gateways are the centralized routers on the host that Reads names, in the order of their names.
	Gateways []etcdschema.GatewayReport
}

// HostRecords are one host's side of an object.
type HostRecords struct {
	Silent    bool                        // no weftd answers for the host now: what it reported may be old
	Report    etcdschema.NodeReport       // the zero value before the first
	Port      *desired.Port               // the port's item in the host's node config; nil for other kinds
	Gateway   etcdschema.GatewayReport    // the state of a centralized router there; the zero value before it is reported
	Exception *etcdschema.Exception       // why the host has not programmed the object; nil if it has
	Warnings  []etcdschema.Warning        // what looks wrong about the object there, although nothing failed
	Device    string                      // the port's interface there, as weftd reports it; empty while there is none
	Rejected  []etcdschema.RejectedFrames // frames of the port that were rejected there, or packets above the limits of a router or floating address
	Around    []Related                   // problems of what the object depends on there: its network, the host itself
}

// Related is an exception of another object that the object needs.
type Related struct {
	ID        model.ID
	Exception etcdschema.Exception
}

// Fact is one line of `weft describe`. A fact without a text is not shown.
type Fact struct{ Name, Text string }
