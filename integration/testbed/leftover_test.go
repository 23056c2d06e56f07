//go:build integration

package testbed

import (
	"context"
	"testing"

	"golang.org/x/sync/errgroup"
)

// A name is given away again only when the closed testbed has looked for what it left: it must not find what the next one has made.
func TestCloseDoesNotSeeTheNextTestbed(t *testing.T) {
	t.Parallel()
	var all errgroup.Group
	for range 8 {
		all.Go(func() error {
			for range 25 {
				if err := openAndClose(t.Context()); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		t.Error(err)
	}
}

// openAndClose has a testbed of one namespace, which is all that a name can collide in beside its folder.
func openAndClose(ctx context.Context) error {
	b := &Testbed{spawn: newSpawner()}
	b.ctx, b.stop = context.WithCancel(ctx)
	if err := b.folder(); err != nil {
		b.spawn.close()
		return err
	}
	_, err := b.namespace("ctl")
	if closeErr := b.Close(); closeErr != nil {
		return closeErr
	}
	return err
}
