package nft

import "context"

// Namespaces is the way into the network namespaces of ours. Its methods may be called by any goroutine.
type Namespaces interface {
	// List names the namespaces there are.
	List() ([]string, error)
	// Inside runs fn on a thread that is in the namespace; a socket that fn opens stays there. An error that wraps
	// fs.ErrNotExist says that there is no such namespace.
	Inside(name string, fn func() error) error
	// Watch calls ready when it watches, then changed with the name of each namespace that came or went, "" for any, until
	// ctx ends, which returns nil. An error means that it is over and may be begun again.
	Watch(ctx context.Context, ready func(), changed func(name string)) error
}
