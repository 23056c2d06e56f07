package ovsdb

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
)

// Switch is a client of the database Open_vSwitch. It also knows how ovs-vswitchd acknowledges what it has carried out. Its zero
// value is no connection.
type Switch struct{ *Client }

// DialSwitch connects to the ovsdb-server with this run directory, as Dial does.
func DialSwitch(ctx context.Context, rundir string, on Observer) (Switch, error) {
	c, err := Dial(ctx, "unix:"+filepath.Join(rundir, "db.sock"), OpenVSwitchSchema(), on)
	return Switch{c}, err
}

// Root is the only row of the table Open_vSwitch. It is empty if the database was never initialised.
func (s Switch) Root() *OpenVSwitch {
	for r := range All[*OpenVSwitch](s.Client).Each() {
		return r
	}
	return &OpenVSwitch{}
}

// MutateRoot changes the only row of the table Open_vSwitch.
func (s Switch) MutateRoot(m ...Mutation) Operation {
	return Mutate(TableRoot, WhereUUID(s.Root().UUID), m...)
}

// Commit runs a transaction as Transact does. With carried the switch has something to carry out: the transaction also raises
// next_cfg, and Commit returns it for AwaitCarriedOut. Without carried it returns 0. Raising next_cfg makes the switch go through all
// ports.
func (s Switch) Commit(ctx context.Context, ops []Operation, carried bool) (cfg int, err error) {
	if !carried {
		_, err := s.Transact(ctx, ops)
		return 0, err
	}
	all := slices.Concat(ops, []Operation{s.MutateRoot(Increase("next_cfg", 1)), Select(TableRoot, WhereAll(), "next_cfg")})
	results, err := s.Transact(ctx, all)
	if err != nil {
		return 0, err
	}
	last := results[len(all)-1]
	if len(last.Rows) != 1 {
		return 0, errors.New("the database has no Open_vSwitch row: run ovs-vsctl init")
	}
	read, ok := last.Rows[0]["next_cfg"].(float64)
	if !ok {
		return 0, fmt.Errorf("next_cfg is %v, not a number", last.Rows[0]["next_cfg"])
	}
	return int(read), nil
}

// AwaitCarriedOut waits until the switch has carried out everything up to this next_cfg. Its errors are those of Await.
func (s Switch) AwaitCarriedOut(ctx context.Context, cfg int) error {
	return s.Await(ctx, func() bool { return s.Root().CurCfg >= cfg })
}
