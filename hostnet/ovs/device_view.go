package ovs

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// device is what the kernel says of one netdev, as far as it tells who reads it.
type device struct {
	index int
	// promisc is IFF_PROMISC: only somebody who sets the flag itself shows in it, packet sockets that ask for it do not.
	promisc bool
	// enslaved: a port of the kernel's datapath is enslaved to it.
	enslaved bool
}

// devices knows whether the switch has each of its ports' devices open. The database does not say: its ifindex follows the name, and
// a userspace datapath goes on with a socket on a device that is gone when another of that name is made.
//
// The userspace datapath opens a device with a packet socket for all protocols that is bound to it, and sets IFF_PROMISC (OVS,
// lib/netdev-linux.c, netdev_linux_rxq_construct; lib/dpif-netdev.c, port_create). The kernel unbinds the socket for ever when
// the device goes. Both are asked for: somebody else may have either.
type devices struct {
	inside func(func() error) error // runs a function in the devices' namespace

	mu      sync.Mutex
	handle  *netlink.Handle // nil before the first use
	links   map[string]device
	readers map[int]bool // devices, by index, with a packet socket for all protocols
	stale   bool         // devices came after the readers were read
}

func newDevices(inside func(func() error) error) *devices {
	if inside == nil {
		inside = func(f func() error) error { return f() }
	}
	return &devices{inside: inside, links: map[string]device{}, stale: true}
}

func (d *devices) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.handle != nil {
		d.handle.Close()
		d.handle = nil
	}
}

// attachment says what is wrong with the switch's hold on a device; empty when nothing is, and of a device that is not
// there. What the view has against it is asked of the kernel again: its news may still be on their way.
func (d *devices) attachment(name string, userspace bool) object.Attachment {
	d.mu.Lock()
	defer d.mu.Unlock()
	if a, err := d.judge(name, userspace); err == nil && a == "" {
		return ""
	}
	d.stale = true
	if err := d.refresh(name); err != nil {
		return "" // not known
	}
	a, _ := d.judge(name, userspace)
	return a
}

// judge says what the view has against a device; the lock is held, as in all below.
func (d *devices) judge(name string, userspace bool) (object.Attachment, error) {
	link, there := d.links[name]
	if !there {
		return "", nil
	}
	if !userspace {
		if !link.enslaved {
			return object.AttachmentLost, nil
		}
		return "", nil
	}
	if d.stale {
		if err := d.readReaders(); err != nil {
			return "", err
		}
	}
	switch {
	case !d.readers[link.index]:
		return object.AttachmentLost, nil
	case !link.promisc:
		return object.AttachmentNotPromiscuous, nil
	}
	return "", nil
}

// open makes the netlink handle at the first use.
func (d *devices) open() (*netlink.Handle, error) {
	if d.handle != nil {
		return d.handle, nil
	}
	err := d.inside(func() (err error) {
		d.handle, err = netlink.NewHandle(unix.NETLINK_ROUTE)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open a netlink route socket: %w", err)
	}
	return d.handle, d.handle.SetSocketTimeout(connectTimeout)
}

// maxDumps bounds how often an interrupted dump is repeated.
const maxDumps = 20

// read takes in all devices anew.
func (d *devices) read() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	h, err := d.open()
	if err != nil {
		return err
	}
	links, err := h.LinkList()
	for n := 1; errors.Is(err, netlink.ErrDumpInterrupted) && n < maxDumps; n++ {
		links, err = h.LinkList()
	}
	if err != nil {
		return fmt.Errorf("read netdevs: %w", err)
	}
	clear(d.links)
	for _, l := range links {
		d.links[l.Attrs().Name] = deviceOf(l)
	}
	return d.readReaders()
}

// refresh takes in one device anew.
func (d *devices) refresh(name string) error {
	h, err := d.open()
	if err != nil {
		return err
	}
	l, err := h.LinkByName(name)
	var gone netlink.LinkNotFoundError
	switch {
	case errors.As(err, &gone):
		delete(d.links, name)
	case err != nil:
		return fmt.Errorf("read netdev %s: %w", name, err)
	default:
		d.links[name] = deviceOf(l)
	}
	return nil
}

func deviceOf(l netlink.Link) device {
	a := l.Attrs()
	return device{index: a.Index, promisc: a.RawFlags&unix.IFF_PROMISC != 0, enslaved: a.MasterIndex != 0}
}

// absorb takes in a link's message, and says whether anything changed that counts here.
func (d *devices) absorb(l netlink.Link, gone bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	name, is := l.Attrs().Name, deviceOf(l)
	was, known := d.links[name]
	if gone {
		if known && was.index == is.index {
			delete(d.links, name)
		}
		return false
	}
	d.links[name] = is
	d.stale = d.stale || !known || was.index != is.index
	return !known || was != is
}

// packetSockets lists the packet sockets of the thread's namespace (packet(7), net/packet/af_packet.c, packet_seq_show).
const packetSockets = "/proc/thread-self/net/packet"

// readReaders finds the devices that a packet socket for all protocols reads.
func (d *devices) readReaders() error {
	var readers map[int]bool
	err := d.inside(func() error {
		f, err := os.Open(packetSockets)
		if err != nil {
			return err
		}
		defer f.Close()
		readers, err = parseReaders(bufio.NewScanner(f))
		return err
	})
	if err != nil {
		return fmt.Errorf("read packet sockets: %w", err)
	}
	d.readers, d.stale = readers, false
	return nil
}

// parseReaders reads lines of: sk RefCnt Type Proto Iface R Rmem User Inode. Proto is hexadecimal, Iface -1 on a device that is gone.
func parseReaders(lines *bufio.Scanner) (map[int]bool, error) {
	const protocol, iface, all = 3, 4, "0003" // ETH_P_ALL
	readers := map[int]bool{}
	lines.Scan() // the head
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) <= iface || f[protocol] != all {
			continue
		}
		index, err := strconv.Atoi(f[iface])
		if err != nil {
			return nil, fmt.Errorf("line %.80q: %w", lines.Text(), err)
		}
		if index > 0 {
			readers[index] = true
		}
	}
	return readers, lines.Err()
}
