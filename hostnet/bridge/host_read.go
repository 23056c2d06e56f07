package bridge

import (
	"context"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// dumpAttempts bounds how often an interrupted dump is repeated: each repetition needs another change during the dump.
const dumpAttempts = 20

// read makes a view of the whole namespace.
func (d *Driver) read(ctx context.Context) (*view, error) {
	links, err := d.dump(ctx, "links", unix.RTM_GETLINK, unix.RTM_NEWLINK, nl.NewIfInfomsg(unix.AF_UNSPEC))
	if err != nil {
		return nil, err
	}
	entries, err := d.dump(ctx, "forwarding tables", unix.RTM_GETNEIGH, unix.RTM_NEWNEIGH, nl.NewIfInfomsg(unix.AF_BRIDGE))
	if err != nil {
		return nil, err
	}
	v := newView()
	for _, m := range links {
		l, err := parseLink(m)
		if err != nil {
			return nil, err
		}
		v.setLink(l)
	}
	for _, m := range entries {
		e, ok, err := parseEntry(m)
		if err != nil {
			return nil, err
		}
		if ok {
			v.setEntry(e, true)
		}
	}
	return v, nil
}

func (d *Driver) dump(ctx context.Context, what string, ask, answer uint16, header nl.NetlinkRequestData) ([][]byte, error) {
	for range dumpAttempts {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("read %s: %w", what, err)
		}
		r := d.request(int(ask), unix.NLM_F_DUMP)
		r.AddData(header)
		messages, err := r.Execute(unix.NETLINK_ROUTE, answer)
		if err == nil {
			return messages, nil
		}
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			return nil, fmt.Errorf("read %s: %w", what, err)
		}
	}
	return nil, fmt.Errorf("read %s: interrupted %d times by changes: will be tried again", what, dumpAttempts)
}

// request begins a request on the driver's own socket, which is in the driver's namespace whatever thread asks.
func (d *Driver) request(kind, flags int) *nl.NetlinkRequest {
	r := nl.NewNetlinkRequest(kind, flags)
	r.Sockets = d.socket
	return r
}

// readLink reads one link back by its name; a missing one is no error.
func (d *Driver) readLink(name string) error {
	r := d.request(unix.RTM_GETLINK, 0)
	r.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	r.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
	messages, err := r.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWLINK)
	d.mu.Lock()
	defer d.mu.Unlock()
	if errors.Is(err, unix.ENODEV) {
		if l, ok := d.view.find(name); ok {
			d.view.deleteLink(l.index)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("read link %s back: %w", name, err)
	}
	for _, m := range messages {
		l, err := parseLink(m)
		if err != nil {
			return err
		}
		d.view.setLink(l)
	}
	return nil
}
