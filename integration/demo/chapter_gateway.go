package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"weft/etcdschema"
	"weft/hostnet/object"
	"weft/integration/testbed"
	"weft/model"
)

//go:embed gateway.yaml
var gatewayManifest []byte

// Addresses from gateway.yaml. alpha's and beta's floating addresses lead to guests that have the same address.
const (
	outside       = "ops/outside"
	outsideV4     = "203.0.113.99"
	alphaFloating = "203.0.113.11"
	alphaFloatin6 = "2001:db8:f::11"
	betaFloating  = "203.0.113.12"
	webV4, webV6  = "10.0.0.11", "2001:db8::11"
)

// gateway shows traffic out of the projects and into them.
func (s *show) gateway(ctx context.Context) {
	s.chapter("A way out and a way in")
	s.need(ctx, "weft apply: an external network, a router for each project, floating addresses for alpha/web and beta/web, which have the same address",
		func(ctx context.Context) (string, error) {
			if err := s.apply(ctx, "gateway.yaml", gatewayManifest); err != nil {
				return "", err
			}
			return "", s.plug(ctx, outside, "h3", true)
		})
	s.need(ctx, "programmed on every host that has guests of the routers' networks; leases renewed, because they name the gateway now", func(ctx context.Context) (string, error) {
		ids := []model.ID{portID(outside)}
		for _, f := range []string{"alpha/front", "alpha/front-6", "beta/front"} {
			ids = append(ids, floatingID(f))
		}
		if err := s.testbed.AwaitProgrammed(ctx, ids...); err != nil {
			return "", err
		}
		for _, client := range []testbed.Client{testbed.Udhcpc, testbed.Dhclient6} {
			if _, err := s.guest(outside).Lease(ctx, client, ""); err != nil {
				return "", err
			}
		}
		return "", s.renew(ctx)
	})
	s.step(ctx, "TCP from outside to the floating addresses, both families; each leads to its own project", func(ctx context.Context) (string, error) {
		for _, way := range []struct{ to, fixed, floating string }{
			{"alpha/web", webV4, alphaFloating}, {"alpha/web", webV6, alphaFloatin6}, {"beta/web", webV4, betaFloating},
		} {
			if err := testbed.TCPThrough(ctx, s.guest(outside), s.guest(way.to), way.fixed, way.floating, 1<<20); err != nil {
				return "", err
			}
		}
		return strings.Join([]string{alphaFloating, alphaFloatin6, betaFloating}, ", "), nil
	})
	s.step(ctx, "a guest without a floating address reaches the outside as its host's address", s.outward)
	s.step(ctx, "the floating address goes to alpha/db on h2, in one change", s.floatingMove)
	s.step(ctx, "the router's NAT table on h1 is deleted by hand", s.natDeleted)
}

// apply writes a manifest and applies it.
func (s *show) apply(ctx context.Context, name string, manifest []byte) error {
	file := filepath.Join(s.testbed.Dir, name)
	if err := os.WriteFile(file, manifest, 0o644); err != nil {
		return err
	}
	_, err := s.testbed.Weft(ctx, "apply", "-f", file)
	return err
}

func floatingID(name string) model.ID {
	project, floating, _ := strings.Cut(name, "/")
	return model.ID{Project: project, Kind: model.KindFloatingIP, Name: floating}
}

// renew gives the guests their new default route. It came with the routers, after their first lease.
func (s *show) renew(ctx context.Context) error {
	for _, g := range guests {
		if _, err := s.guest(g.name).Lease(ctx, testbed.Udhcpc, ""); err != nil {
			return err
		}
	}
	return nil
}

// outward pings the outside from alpha/cache, and checks there which source address arrives.
func (s *show) outward(ctx context.Context) (string, error) {
	c, err := s.guest(outside).Capture(ctx, "eth0", "icmp[icmptype] == icmp-echo")
	if err != nil {
		return "", err
	}
	err = s.guest("alpha/cache").Ping(ctx, outsideV4, 2)
	lines := c.Stop()
	if err != nil {
		return "", err
	}
	if len(lines) == 0 {
		return "", errors.New("the outside heard nothing")
	}
	source, _, ok := strings.Cut(lines[0], " > "+outsideV4+":")
	source = source[strings.LastIndexByte(source, ' ')+1:]
	if !ok || !strings.HasPrefix(source, "203.0.113.") {
		return "", fmt.Errorf("the outside heard: %s", lines[0])
	}
	return "heard from " + source, nil
}

// floatingMove gives alpha's floating address to alpha/db.
func (s *show) floatingMove(ctx context.Context) (string, error) {
	c, err := s.guest("alpha/db").Capture(ctx, "eth0", "icmp[icmptype] == icmp-echo and src host "+outsideV4)
	if err != nil {
		return "", err
	}
	began := time.Now()
	moved := strings.Replace(string(gatewayManifest), "address: "+alphaFloating+", port: web", "address: "+alphaFloating+", port: db", 1)
	if err := s.apply(ctx, "moved.yaml", []byte(moved)); err != nil {
		return "", err
	}
	if err := s.testbed.AwaitProgrammed(ctx, floatingID("alpha/front")); err != nil {
		return "", err
	}
	took := time.Since(began)
	err = s.guest(outside).Ping(ctx, alphaFloating, 2)
	if lines := c.Stop(); err == nil && len(lines) == 0 {
		err = fmt.Errorf("%s is answered, and not by alpha/db", alphaFloating)
	}
	return fmt.Sprintf("programmed in %v", took.Round(time.Millisecond)), err
}

// natDeleted deletes the table that translates for beta/web, and waits until it is back.
func (s *show) natDeleted(ctx context.Context) (string, error) {
	h1 := s.host("h1")
	namespaces, err := filepath.Glob(filepath.Join(h1.Dir, "netns", object.NamespacePrefix+"router-*"))
	if err != nil || len(namespaces) == 0 {
		return "", fmt.Errorf("h1 has no router's namespace: %w", err)
	}
	before, err := s.testbed.Report(ctx, "h1")
	if err != nil {
		return "", err
	}
	began := time.Now()
	for _, n := range namespaces {
		if _, err := h1.Run(ctx, "nsenter", "--net="+n, "nft", "delete", "table", "inet", "weft"); err != nil {
			return "", err
		}
	}
	if _, err := s.testbed.AwaitReport(ctx, "h1", "repaired no NAT since", func(r etcdschema.NodeReport) bool {
		return r.Repaired["nft"] >= before.Repaired["nft"]+uint64(2*len(namespaces))
	}); err != nil {
		return "", err
	}
	took := time.Since(began)
	return fmt.Sprintf("repaired and reported in %v", took.Round(time.Millisecond)), s.guest(outside).Ping(ctx, betaFloating, 2)
}
