// Package need says which features the running kernel has, by using each once. Tests name the features that they need.
// If the machine's kernel lacks one, the test runs inside a virtual machine (package vm).
//
// Invariants:
//   - A feature is there only if using it worked.
//   - Everything happens in a network namespace that is gone afterwards.
//   - An error is never reported as a missing feature.
package need

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Need is a feature of the kernel.
type Need string

// The features.
const (
	VLANDevice     Need = "vlan-device"     // links of type vlan (802.1Q)
	VLANFiltering  Need = "vlan-filtering"  // bridges that filter by VLAN
	KernelDatapath Need = "kernel-datapath" // Open vSwitch's module
	BridgeTracking Need = "bridge-tracking" // connection tracking in bridges, and nftables there
	NoIPv6         Need = "no-ipv6"         // a kernel started with ipv6.disable=1
)

// All lists every feature.
func All() []Need { return []Need{VLANDevice, VLANFiltering, KernelDatapath, BridgeTracking, NoIPv6} }

// Parse reads a feature's name; the error lists those there are.
func Parse(s string) (Need, error) {
	if n := Need(s); slices.Contains(All(), n) {
		return n, nil
	}
	names := make([]string, len(All()))
	for i, n := range All() {
		names[i] = string(n)
	}
	return "", fmt.Errorf("need: no feature %q; there are: %s", s, strings.Join(names, " "))
}

// Lacking returns the given features that the running kernel lacks. It needs root.
func Lacking(needs []Need) ([]Need, error) {
	var lacking []Need
	for _, n := range needs {
		ok, err := have(n)
		if err != nil {
			return nil, fmt.Errorf("need: %s: %w", n, err)
		}
		if !ok {
			lacking = append(lacking, n)
		}
	}
	return lacking, nil
}

// have uses the feature in a namespace of its own, on a thread that is not used again.
func have(n Need) (ok bool, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, and the namespace with both
		ns, newErr := netns.New()
		if newErr != nil {
			err = fmt.Errorf("new network namespace (root is needed): %w", newErr)
			return
		}
		defer ns.Close()
		ok, err = use(n)
	}()
	<-done
	return ok, err
}

func use(n Need) (bool, error) {
	switch n {
	case VLANDevice:
		pair := &netlink.Veth{LinkAttrs: attrs("a"), PeerName: "z"}
		if err := netlink.LinkAdd(pair); err != nil {
			return false, fmt.Errorf("add veth: %w", err)
		}
		vlan := attrs("v")
		vlan.ParentIndex = pair.Index
		return worked(netlink.LinkAdd(&netlink.Vlan{LinkAttrs: vlan, VlanId: 5, VlanProtocol: netlink.VLAN_PROTOCOL_8021Q}))
	case VLANFiltering:
		on := true
		return worked(netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs("b"), VlanFiltering: &on}))
	case KernelDatapath:
		_, err := netlink.GenlFamilyGet("ovs_datapath") // asking makes the kernel load the module
		return worked(err)
	case BridgeTracking:
		return worked(trackInBridges())
	case NoIPv6:
		_, err := os.Stat("/proc/sys/net/ipv6")
		return errors.Is(err, fs.ErrNotExist), nil
	}
	return false, errors.New("nobody knows how to use it")
}

// trackInBridges adds a rule that matches the state of a connection in the bridge family. A kernel without connection tracking there refuses it.
func trackInBridges() error {
	c, err := nftables.New()
	if err != nil {
		return fmt.Errorf("open a netlink netfilter socket: %w", err)
	}
	table := c.AddTable(&nftables.Table{Name: "need", Family: nftables.TableFamilyBridge})
	chain := c.AddChain(&nftables.Chain{Name: "need", Table: table})
	c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{&expr.Ct{Key: expr.CtKeySTATE, Register: unix.NFT_REG_1}}})
	return c.Flush()
}

func attrs(name string) netlink.LinkAttrs {
	a := netlink.NewLinkAttrs()
	a.Name = name
	return a
}

// worked distinguishes a missing feature, which the kernel reports with one of these errors, from any other error.
func worked(err error) (bool, error) {
	for _, lack := range []unix.Errno{unix.EOPNOTSUPP, unix.ENOENT, unix.EPROTONOSUPPORT, unix.EAFNOSUPPORT, unix.EPROTO} {
		if errors.Is(err, lack) {
			return false, nil
		}
	}
	return err == nil, err
}
