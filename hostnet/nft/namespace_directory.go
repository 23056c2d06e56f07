package nft

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"weft/hostnet/netns"
	"weft/hostnet/object"
)

// InDirectory makes Namespaces from the namespaces of ours in a directory.
func InDirectory(d *netns.Directory) Namespaces { return directory{d} }

type directory struct{ d *netns.Directory }

func (n directory) List() ([]string, error) { return n.d.List(object.NamespacePrefix) }

func (n directory) Inside(name string, fn func() error) error {
	s, err := n.d.Open(name)
	if errors.Is(err, netns.ErrNotFound) {
		return fmt.Errorf("%w: %w", err, fs.ErrNotExist)
	}
	if err != nil {
		return err
	}
	return errors.Join(s.Do(fn), s.Close())
}

func (n directory) Watch(ctx context.Context, ready func(), changed func(name string)) error {
	return n.d.Watch(ctx, ready, changed)
}
