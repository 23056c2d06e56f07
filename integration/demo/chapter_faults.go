package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"weft/etcdschema"
	"weft/integration/testbed"
)

// healing breaks things by hand and watches them heal.
func (s *show) healing(ctx context.Context) {
	s.chapter("Broken by hand on h1, healed by weftd")
	device := s.guest("alpha/web").Options.Device
	for _, d := range []struct {
		title   string
		command []string
	}{
		{"the flows that deliver to guests are deleted", []string{"ovs-ofctl", "del-flows", "br-int", "table=20"}},
		{"all flows are deleted", []string{"ovs-ofctl", "del-flows", "br-int"}},
		{"the bridge is set to switch by itself", []string{"ovs-vsctl", "set-fail-mode", "br-int", "standalone"}},
		{"the guest's OVS port is removed", []string{"ovs-vsctl", "del-port", "br-int", device}},
		{"the guest's device is set down", []string{"ip", "link", "set", device, "down"}},
	} {
		s.step(ctx, d.title, func(ctx context.Context) (string, error) { return s.damage(ctx, d.command) })
	}
}

// damage runs the command on h1 and waits until weftd has counted a repair; then the guest must be reachable.
func (s *show) damage(ctx context.Context, command []string) (string, error) {
	before, err := s.testbed.Report(ctx, "h1")
	if err != nil {
		return "", err
	}
	total := func(r etcdschema.NodeReport) (n uint64) {
		for _, v := range r.Repaired {
			n += v
		}
		return n
	}
	detail, err := s.through("alpha/db", "alpha/web", "10.0.0.11", 0, func() (string, error) {
		began := time.Now()
		if _, err := s.host("h1").Run(ctx, command[0], command[1:]...); err != nil {
			return "", err
		}
		_, err := s.testbed.AwaitReport(ctx, "h1", "repaired nothing since", func(r etcdschema.NodeReport) bool { return total(r) > total(before) })
		return fmt.Sprintf("repaired and reported in %v", time.Since(began).Round(time.Millisecond)), err
	})
	if err != nil {
		return "", err
	}
	return detail, s.guest("alpha/db").Ping(ctx, "10.0.0.11", 2)
}

// failover kills the leading controller.
func (s *show) failover(ctx context.Context) {
	s.chapter("The leading controller is killed")
	var old string
	s.step(ctx, "the other one takes over, and not a packet is lost", func(ctx context.Context) (string, error) {
		var err error
		if old, err = s.testbed.AwaitLeader(ctx, ""); err != nil {
			return "", err
		}
		p, err := s.testbed.Process("controller " + old)
		if err != nil {
			return "", err
		}
		return s.through("alpha/db", "alpha/web", "10.0.0.11", time.Second, func() (string, error) {
			p.Kill()
			leader, err := s.testbed.AwaitLeader(ctx, old)
			return old + " → " + leader, err
		})
	})
	s.step(ctx, "a port declared now is programmed", func(ctx context.Context) (string, error) { return "", s.declare(ctx, "late") })
}

// declare applies one more port of alpha on h1, plugs its guest and waits until it is programmed and reachable.
func (s *show) declare(ctx context.Context, name string) error {
	file := filepath.Join(s.testbed.Dir, name+".yaml")
	text := "apiVersion: weft/v1\nkind: Port\nmetadata: {project: alpha, name: " + name + "}\nspec: {network: net, host: h1}\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return err
	}
	if _, err := s.testbed.Weft(ctx, "apply", "-f", file); err != nil {
		return err
	}
	if err := s.plug(ctx, "alpha/"+name, "h1", true); err != nil {
		return err
	}
	if err := s.testbed.AwaitProgrammed(ctx, portID("alpha/"+name)); err != nil {
		return err
	}
	lease, err := s.guest("alpha/"+name).Lease(ctx, testbed.Udhcpc, "")
	if err != nil {
		return err
	}
	return s.guest("alpha/db").Ping(ctx, lease.Values["ip"], 2)
}

// outage stops etcd while traffic and renewals go on.
func (s *show) outage(ctx context.Context) {
	s.chapter("etcd is stopped")
	s.step(ctx, "traffic and lease renewals go on, and weftd restarts without it", func(ctx context.Context) (string, error) {
		if err := s.testbed.Etcd().Process.Stop(); err != nil {
			return "", err
		}
		return s.through("alpha/db", "alpha/web", "10.0.0.11", time.Second, func() (string, error) {
			h1 := s.host("h1")
			h1.Weftd.Kill()
			if err := h1.Weftd.Start(); err != nil {
				return "", err
			}
			if err := h1.AwaitReady(ctx); err != nil {
				return "", err
			}
			return "udhcpc and dhclient -6 renewed on every host", s.renewAll(ctx)
		})
	})
	s.step(ctx, "etcd comes back, and a port declared then is programmed", func(ctx context.Context) (string, error) {
		if err := s.testbed.Etcd().Start(ctx); err != nil {
			return "", err
		}
		return "", s.declare(ctx, "later")
	})
	s.step(ctx, "weft status", func(ctx context.Context) (string, error) {
		out, err := s.testbed.Weft(ctx, "status")
		return "\n" + indent(out), err
	})
}

// renewAll renews both families' leases of a guest on each host. The addresses must stay the same.
func (s *show) renewAll(ctx context.Context) error {
	for _, name := range []string{"alpha/web", "alpha/db", "beta/cache"} {
		before, err := s.guest(name).Addresses(ctx)
		if err != nil {
			return err
		}
		_, err4 := s.guest(name).Renew(ctx, testbed.Udhcpc)
		_, err6 := s.guest(name).Renew(ctx, testbed.Dhclient6)
		if err := errors.Join(err4, err6); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		after, err := s.guest(name).Addresses(ctx)
		if err != nil {
			return err
		}
		if strings.Join(before, " ") != strings.Join(after, " ") {
			return fmt.Errorf("%s had the addresses %v and has %v", name, before, after)
		}
	}
	return nil
}

func indent(s string) string {
	return "             " + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n             ")
}
