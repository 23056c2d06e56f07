package model

import "cmp"

// ConnectionLimits bound what one router may use of the resources that all routers of a host share: the connection tracking table,
// and the ports of the address that guests without a floating address use.
type ConnectionLimits struct {
	// PerRouter is how many connections one router may have on one host at the same time; DefaultRouterConnections when 0.
	PerRouter int `json:"perRouter,omitempty"`
	// PerDestination is how many of these connections, without a floating address, may go to the same protocol, address and port.
	// Each takes one of the 64,512 ports that the shared address has for this destination. DefaultDestinationConnections when 0, or
	// PerRouter if that is less.
	PerDestination int `json:"perDestination,omitempty"`
	// NewPerSecond is how many new connections one router may make on one host in a second, with a burst of twice as many;
	// DefaultNewConnections when 0. An ended connection stays in the table for a while, although it does not count as a connection
	// any more.
	NewPerSecond int `json:"newPerSecond,omitempty"`
}

// The defaults and bounds of connection limits.
const (
	DefaultRouterConnections = 32768
	DefaultNewConnections    = 2000 // a second
	MaxNewConnections        = 1 << 20
	// DefaultDestinationConnections leaves room for sixteen routers that use all of it.
	DefaultDestinationConnections = MaxDestinationConnections / 16
	MinRouterConnections          = 16
	MaxRouterConnections          = 1 << 20
	// MaxDestinationConnections is the number of ports from 1024 on.
	MaxDestinationConnections = 65536 - 1024
)

// Effective are the limits with the defaults filled in.
func (l ConnectionLimits) Effective() ConnectionLimits {
	l.PerRouter = cmp.Or(l.PerRouter, DefaultRouterConnections)
	l.PerDestination = cmp.Or(l.PerDestination, min(DefaultDestinationConnections, l.PerRouter))
	l.NewPerSecond = cmp.Or(l.NewPerSecond, DefaultNewConnections)
	return l
}

func (l ConnectionLimits) validate(c *Checker, at string) {
	if l.PerRouter != 0 && (l.PerRouter < MinRouterConnections || l.PerRouter > MaxRouterConnections) {
		c.Fail(at+".perRouter", "%d is out of range: use %d to %d, or leave it out for %d", l.PerRouter, MinRouterConnections,
			MaxRouterConnections, DefaultRouterConnections)
	}
	if l.NewPerSecond < 0 || l.NewPerSecond > MaxNewConnections {
		c.Fail(at+".newPerSecond", "%d is out of range: use 1 to %d, or leave it out for %d", l.NewPerSecond, MaxNewConnections,
			DefaultNewConnections)
	}
	switch e := l.Effective(); {
	case l.PerDestination < 0 || l.PerDestination > MaxDestinationConnections:
		c.Fail(at+".perDestination", "%d is out of range: use 1 to %d, or leave it out for %d", l.PerDestination,
			MaxDestinationConnections, DefaultDestinationConnections)
	case e.PerDestination > e.PerRouter:
		c.Fail(at+".perDestination", "%d is above perRouter (%d): a router cannot have more connections to one destination than at all",
			e.PerDestination, e.PerRouter)
	}
}
