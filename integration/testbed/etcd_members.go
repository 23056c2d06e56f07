package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"weft/etcdschema"
	"weft/etcdschema/etcdserver"
)

// The network between members of etcd is TEST-NET-2 (RFC 5737). It is separate from the management network, so that a member can be cut
// off from its peers while its client port stays open.
const (
	peerBridge     = "peers0"
	memberClients  = "192.0.2.2%02d" // on the management network, from 201
	memberPeers    = "198.51.100.%d" // between members
	memberClientIf = "eth0"          // of a member's namespace, to the management network
	memberPeerIf   = "eth1"          // to its peers
	maxMembers     = 9
)

// Member is one of several members of etcd: a process in a namespace of its own. eth0 leads to its clients, and eth1 to its peers.
type Member struct {
	*Namespace
	Process *Process
	address string // of its client port
	forward *forwarder
}

// Members replaces the etcd by an empty one with n members e1…en, and waits until it answers. Call it before anything else is started.
func (e *Etcd) Members(ctx context.Context, n int) error {
	if len(e.testbed.Hosts()) > 0 || e.authority != nil || e.socket != "" || len(e.members) > 0 || n < 2 || n > maxMembers {
		return fmt.Errorf("testbed: etcd gets its members once, 2 to %d of them, before certificates and the first host", maxMembers)
	}
	if err := e.Process.Stop(); err != nil {
		return err
	}
	b := e.testbed
	if err := b.ctl.IP(b.ctx, "link", "add", peerBridge, "up", "type", "bridge"); err != nil {
		return err
	}
	for i := 1; i <= n; i++ {
		m, err := e.addMember(i, n)
		if err != nil {
			return err
		}
		e.members = append(e.members, m)
	}
	return e.meet(ctx)
}

// meet starts all members, and connects the testbed's client to all of them.
func (e *Etcd) meet(ctx context.Context) error {
	var endpoints []string
	for _, m := range e.members {
		if err := m.Process.Start(); err != nil {
			return err
		}
		endpoints = append(endpoints, "http://"+m.forward.address())
	}
	old := e.client
	var err error
	if e.client, err = etcdschema.Open(e.testbed.ctx, etcdschema.Config{Endpoints: endpoints}); err != nil {
		e.client = old
		return err
	}
	if err := old.Close(); err != nil {
		return fmt.Errorf("testbed: etcd: %w", err)
	}
	return e.members[0].Process.alive(ctx, func() bool {
		_, _, err := e.client.Get(ctx, etcdschema.ActualNode("none"))
		return err == nil
	})
}

// addMember makes a member's namespace and registers its process.
func (e *Etcd) addMember(i, n int) (*Member, error) {
	b, name := e.testbed, fmt.Sprintf("e%d", i)
	ns, err := b.namespace(name)
	if err != nil {
		return nil, err
	}
	m := &Member{Namespace: ns, address: fmt.Sprintf(memberClients, i) + ":2379"}
	for _, link := range []struct{ link, far, bridge, address string }{
		{memberClientIf, name, managementBridge, fmt.Sprintf(memberClients, i)},
		{memberPeerIf, name + "-peer", peerBridge, fmt.Sprintf(memberPeers, i)},
	} {
		if err := b.veth(ns, link.link, b.ctl, link.far); err != nil {
			return nil, err
		}
		err := errors.Join(b.ctl.IP(b.ctx, "link", "set", link.far, "master", link.bridge, "up"),
			ns.IP(b.ctx, "addr", "add", link.address+"/24", "dev", link.link), ns.IP(b.ctx, "link", "set", link.link, "up"))
		if err != nil {
			return nil, err
		}
	}
	var all []string
	for j := 1; j <= n; j++ {
		all = append(all, fmt.Sprintf("e%d=http://"+memberPeers+":2380", j, j))
	}
	m.Process = b.process("etcd "+name, ns, nil, filepath.Join(b.Dir, childEtcdMember), filepath.Join(b.Dir, "etcd-"+name),
		name, "http://"+m.address, strings.Join(all, ","))
	if err := linkSelf(filepath.Join(b.Dir, childEtcdMember)); err != nil {
		return nil, err
	}
	if m.forward, err = b.forward(m.address); err != nil {
		return nil, err
	}
	b.atClose(m.forward.close)
	return m, nil
}

// etcdMemberMain is the child: one member of an etcd, on the folder, until SIGTERM.
func etcdMemberMain(args []string) error {
	if len(args) != 4 {
		return errors.New("testbed: a member of etcd needs a folder, its name, its client URL and all members")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	members := map[string]string{}
	for _, m := range strings.Split(args[3], ",") {
		name, url, _ := strings.Cut(m, "=")
		members[name] = url
	}
	e, err := etcdserver.Start(ctx, etcdserver.Config{Dir: args[0], Name: args[1], ClientURL: args[2], Members: members})
	if err != nil {
		return err
	}
	<-ctx.Done()
	e.Close()
	return nil
}
