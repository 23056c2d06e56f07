package nft

import "context"

// Namespaces gives access to Weft's network namespaces. Any goroutine may call its methods.
type Namespaces interface {
	// List names the namespaces that exist.
	List() ([]string, error)
	// Inside runs fn on a thread that is in the namespace. A socket that fn opens stays in the namespace. An error that wraps
	// fs.ErrNotExist says that there is no such namespace.
	Inside(name string, fn func() error) error
	// Watch calls ready when it has started. Then it calls changed with the name of each namespace that was added or removed, or
	// with "" if any may have changed. It returns nil when ctx ends. An error means that the watch has ended and may be started
	// again.
	Watch(ctx context.Context, ready func(), changed func(name string)) error
}
