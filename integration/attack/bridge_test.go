//go:build integration

package attack

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"weft/hostnet/bridge"
	own "weft/hostnet/netlink"
	"weft/hostnet/portsecurity"
	"weft/integration/need"
	"weft/integration/timescale"
	"weft/integration/vm/vmtest"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile/linuxbridge"
)

// machineLimit is how long all tests of bridge hosts may take in the virtual machine.
const machineLimit = 10 * time.Minute

// TestBridgeHost sends the same frames on a bridge host as on a host with Open vSwitch. If the kernel lacks what bridge hosts need, all
// of it runs in one virtual machine.
func TestBridgeHost(t *testing.T) {
	t.Parallel()
	if vmtest.Inside(t, machineLimit, need.VLANDevice) {
		return
	}
	for name, test := range map[string]func(*testing.T, *stage){
		"guest":    func(t *testing.T, st *stage) { st.tryAll(t, (*stage).attempts) },
		"network":  bridgeNetwork,
		"mute":     bridgeMute,
		"told":     bridgeTold,
		"gateway":  func(t *testing.T, st *stage) { st.routed(t).gatewayStays(t) },
		"outside":  func(t *testing.T, st *stage) { x := st.external(t); x.segment().judge(t, x.crossings()) },
		"flat":     func(t *testing.T, st *stage) { st.flat(t); st.flatSegment().judge(t, st.flatCrossings()) },
		"isolated": func(t *testing.T, st *stage) { st.routed(t).isolated(t).isolationHolds(t) },
		"pairs":    func(t *testing.T, st *stage) { st.pairsHold(t) },
		"managed":  func(t *testing.T, st *stage) { st.managementIsClosed(t) },
		"isolated-outside": func(t *testing.T, st *stage) {
			x := st.external(t).isolatedOutside(t)
			x.isolatedSegment().judge(t, x.toGatewayOnly())
		},
		"central": func(t *testing.T, st *stage) { st.central(t).tryAll(t, (*stage).centralAttempts) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newBridgeStage(t))
		})
	}
}

// newBridgeStage is the same host as newStage's, with the kernel's bridges.
func newBridgeStage(t *testing.T) *stage {
	t.Helper()
	namespace := "wb-" + t.Name()[strings.LastIndexByte(t.Name(), '/')+1:]
	ipCommand(t, "netns", "add", namespace)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), timescale.Bound(10*time.Second))
		defer cancel()
		_ = exec.CommandContext(ctx, "ip", "netns", "delete", namespace).Run()
	})
	d := &drivers{namespace: namespace}
	err := inNamespace(namespace, func() error {
		links, err := own.OpenLinks(slog.Default())
		if err != nil {
			return err
		}
		t.Cleanup(func() { links.Close() })
		bridges, err := bridge.New(bridge.Config{Links: links})
		if err != nil {
			return err
		}
		d.add(t, bridges)
		security, err := portsecurity.New(portsecurity.Config{})
		if err != nil {
			return err
		}
		d.add(t, security)
		return os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("1"), 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	st := &stage{namespace: namespace, driver: d}
	st.populate(t, &desired.Host{Driver: model.DriverBridge, RouterMAC: model.MAC(routerMAC)})
	// Somebody plugs it without an intent.
	ipCommand(t, "-n", st.namespace, "link", "set", "tapx", "master", linuxbridge.BridgeName(netRed))
	return st
}

func bridgeMute(t *testing.T, st *stage) {
	st.whoIsMute(t)
	// An older version may have left a table that lacks sets.
	for _, command := range []string{"delete table bridge weft", "add table bridge weft", "add set bridge weft guests { type ifname; }"} {
		ipCommand(t, slices.Concat([]string{"netns", "exec", st.namespace, "nft"}, strings.Fields(command))...)
	}
	st.converge(t)
	st.try(t, attempt{"a frame by the sets of a newer version", nil, arp(st.a.mac, 1, st.a.mac, st.a.v4, st.b.v4), atBoth})
}

func bridgeNetwork(t *testing.T, st *stage) {
	data := ipv4(remote4, st.a.v4, 17, udp(5000, 5001, []byte("in")))
	st.networkAttacks(t, fromNetwork{"this host's router MAC", onUplink(eth(routerMAC, st.a.mac, 0x0800, data)), onUplink(eth(remote, st.a.mac, 0x0800, data))})
}
