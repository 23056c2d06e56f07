package main

// outcome is what was done to an object in etcd, or to a file.
type outcome string

const (
	created    outcome = "created"
	configured outcome = "configured"
	unchanged  outcome = "unchanged"
	// overwritten: somebody changed the object after it was read, and apply has replaced that change.
	overwritten outcome = "configured, over what somebody else made of it meanwhile"
)
