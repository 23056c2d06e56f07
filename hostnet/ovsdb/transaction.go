package ovsdb

import (
	"context"
	"fmt"
)

// Transact runs a transaction and returns one result for each operation. When it returns, the rows show what the transaction wrote,
// because the server sends the monitor's updates before the reply. The error wraps ErrLost if the server does not answer. Otherwise
// it says which operations were refused, and then nothing was written.
func (c *Client) Transact(ctx context.Context, ops []Operation) ([]Result, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	results, err := c.server.Transact(ctx, ops...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLost, err)
	}
	if err := refused(results, ops); err != nil {
		return nil, err
	}
	return results, nil
}

// Fence returns when the rows show everything that the server knew before the call. The server sends pending updates before its
// answer. The error wraps ErrLost.
func (c *Client) Fence(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if err := c.server.Echo(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrLost, err)
	}
	return nil
}

// Await waits until the condition holds. It checks again at every change of a row. It returns ErrLost if the connection is lost, and
// the context's cause if the context ends.
func (c *Client) Await(ctx context.Context, holds func() bool) error {
	for {
		changed := c.changes.next()
		if holds() {
			return nil
		}
		select {
		case <-changed:
		case <-c.gone:
			return ErrLost
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
