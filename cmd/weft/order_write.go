package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/user"
	"time"

	"weft/etcdschema"
)

// order writes an order to a node or to the controllers. Its time makes it a new order. The write compares with what was read, so that a
// copy of it that reaches etcd late is not a second order.
func order(ctx context.Context, st store, node, what string, now time.Time, out io.Writer) error {
	key := etcdschema.OrderKey(node, what)
	for done := false; !done; {
		old, _, err := st.Get(ctx, key)
		if err != nil {
			return err
		}
		t := etcdschema.NewTxn()
		t.PutIf(key, old.ModRevision, etcdschema.Order{By: operator(), At: now.UTC()})
		if _, done, err = st.Commit(ctx, t); err != nil {
			return err
		}
	}
	to := "host " + node
	if node == etcdschema.ControlNode {
		to = "the controllers"
	}
	fmt.Fprintf(out, "told %s: %s\n", to, what)
	return nil
}

// operator is the user who gives an order. It is only recorded.
func operator() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	return name
}
