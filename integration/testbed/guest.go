package testbed

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"weft/integration/vm"
)

// Plug says how a guest's device is plugged on the host.
type Plug string

// The ways in which hypervisors plug a guest.
const (
	// PlugDevice makes the netdev. Weft does the rest.
	PlugDevice Plug = "device"
	// PlugInterface also puts the netdev on the bridge, as an OVS interface with the port's iface-id.
	PlugInterface Plug = "interface"
)

const guestLink = "eth0" // of every guest, and the first of those that share a namespace

// GuestOptions say how a guest is made.
type GuestOptions struct {
	Host string
	// Device is the netdev's name on the host, at most 15 characters.
	Device string
	// MAC of the guest's eth0.
	MAC  string
	Plug Plug // PlugDevice when empty
	// Bridge and InterfaceID are for PlugInterface.
	Bridge, InterfaceID string
	// In is the name of another guest. This one is then one more NIC of that guest, in its namespace: eth1, eth2 … Not for movable guests.
	In string
	// MTU of the guest's eth0; 1500 when 0.
	MTU int
	// Movable makes eth0 a bridge over the veth, so that the guest keeps running while another veth replaces it; see PrepareMove.
	Movable bool
	// AgentSocket is for virtual machines: the UNIX socket of the virtio-serial port that guest agents use; none when empty.
	AgentSocket string
}

// Guest is a virtual machine, or a namespace whose eth0 is one end of a veth pair. The other end is a device of its host. A guest with
// several NICs is several Guests with one namespace, one for each NIC.
type Guest struct {
	*Namespace
	// Name is what the guest was made with, e.g. "alpha/web-1".
	Name    string
	Options GuestOptions
	dir     string
	link    string // of the guest: eth0, or another if it is in the namespace of another guest
	mu      sync.Mutex
	clients map[string]*Process // DHCP clients by kind
	machine *vm.Machine         // not nil: the guest is a virtual machine, and Namespace is nil
}

// AddGuest makes a guest and plugs it.
func (b *Testbed) AddGuest(name string, o GuestOptions) (*Guest, error) {
	if _, err := b.Guest(name); err == nil {
		return nil, fmt.Errorf("testbed: guest %s exists already", name)
	}
	ns, link, err := b.guestPlace(name, o)
	if err != nil {
		return nil, err
	}
	g := &Guest{Namespace: ns, Name: name, link: link, dir: filepath.Join(b.Dir, "g-"+fileName(name)), clients: map[string]*Process{}}
	if err := os.MkdirAll(g.dir, 0o755); err != nil {
		return nil, fmt.Errorf("testbed: guest %s: %w", name, err)
	}
	if err := g.plug(b.ctx, o); err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.guests[name] = g
	b.mu.Unlock()
	return g, nil
}

// guestPlace makes a namespace for the guest, or finds the one that it is in, and names its link there.
func (b *Testbed) guestPlace(name string, o GuestOptions) (ns *Namespace, link string, err error) {
	if o.In == "" {
		ns, err = b.namespace("g-" + name)
		return ns, guestLink, err
	}
	first, err := b.Guest(o.In)
	if err != nil {
		return nil, "", err
	}
	if first.machine != nil || first.Options.Movable || o.Movable {
		return nil, "", fmt.Errorf("testbed: guest %s in %s: neither may be a virtual machine or movable", name, o.In)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, g := range b.guests {
		if g.Namespace == first.Namespace {
			n++
		}
	}
	return first.Namespace, fmt.Sprintf("eth%d", n), nil
}

// Link is the name of the guest's NIC inside the guest.
func (g *Guest) Link() string { return g.link }

// plug makes the veth pair. With the userspace datapath the guest's checksum offload is off, because that datapath forwards partial
// checksums as they are.
func (g *Guest) plug(ctx context.Context, o GuestOptions) error {
	h, err := g.testbed.Host(o.Host)
	if err != nil {
		return err
	}
	if len(o.Device) == 0 || len(o.Device) > 15 {
		return fmt.Errorf("testbed: guest %s: device %q: 1 to 15 characters are needed", g.Name, o.Device)
	}
	if err := g.nic(ctx, h, o); err != nil {
		return err
	}
	if g.testbed.datapath() == DatapathUser {
		if _, err := g.Run(ctx, "ethtool", "-K", g.link, "tx", "off"); err != nil {
			return err
		}
	}
	set := "link set " + g.link
	if o.MAC != "" {
		set += " address " + o.MAC
	}
	if o.MTU != 0 {
		set += fmt.Sprintf(" mtu %d", o.MTU)
	}
	if err := g.IPs(ctx, set+" up"); err != nil {
		return err
	}
	if h.OVS == nil {
		o.Plug = PlugDevice // a hypervisor there leaves the device to Weft
	}
	g.Options = o
	if o.Plug != PlugInterface {
		return nil
	}
	if err := h.IP(ctx, "link", "set", o.Device, "up"); err != nil {
		return err
	}
	return h.OVS.PlugInterface(ctx, o.Bridge, o.Device, o.InterfaceID, o.MAC)
}

// Unplug removes the guest's device; the guest itself stays.
func (g *Guest) Unplug(ctx context.Context) error {
	g.StopClients()
	h, err := g.testbed.Host(g.Options.Host)
	if err != nil {
		return err
	}
	if g.Options.Plug == PlugInterface {
		if err := h.OVS.vsctl(ctx, "--if-exists", "del-port", g.Options.Bridge, g.Options.Device); err != nil {
			return err
		}
	}
	return g.IP(ctx, "link", "delete", g.link)
}

// Replug plugs an unplugged guest again, on another host if o says so. As after a migration, its addresses are gone.
func (g *Guest) Replug(ctx context.Context, o GuestOptions) error { return g.plug(ctx, o) }

// Addresses lists the guest's global addresses of both families, IPv4 first.
func (g *Guest) Addresses(ctx context.Context) ([]string, error) {
	out, err := g.Run(ctx, "ip", "-o", "addr", "show", "dev", g.link, "scope", "global")
	if err != nil {
		return nil, err
	}
	var addresses []string
	for line := range strings.Lines(out) {
		// "2: eth0    inet 10.0.0.4/24 brd … scope global eth0 …"
		if f := strings.Fields(line); len(f) > 3 {
			a, _, _ := strings.Cut(f[3], "/")
			addresses = append(addresses, a)
		}
	}
	return addresses, nil
}
