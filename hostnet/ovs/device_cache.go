package ovs

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"weft/hostnet/netlink"
	"weft/hostnet/object"
)

// devices knows whether the switch has the device of each port open. The database does not say: its ifindex follows the name. If
// a device is removed and another one gets its name, a userspace datapath keeps its socket on the old device.
//
// The userspace datapath opens a device with a packet socket for all protocols that is bound to it, and sets IFF_PROMISC (OVS,
// lib/netdev-linux.c, netdev_linux_rxq_construct; lib/dpif-netdev.c, port_create). When the device is removed, the kernel unbinds
// the socket for ever. Both are checked, because somebody else may have either.
type devices struct {
	links    *netlink.Links
	listener *netlink.Listener
	inside   func(func() error) error // runs a function in the devices' namespace

	mu      sync.Mutex
	readers map[int]bool   // devices, by index, that have a packet socket for all protocols
	known   map[int]uint64 // devices that existed when readers was read, each with the number that it came with
}

func newDevices(links *netlink.Links, inside func(func() error) error) *devices {
	if inside == nil {
		inside = func(f func() error) error { return f() }
	}
	return &devices{links: links, inside: inside, listener: links.Listen(func(was, is netlink.Link) bool {
		return was.Name != is.Name || was.Promiscuous != is.Promiscuous || (was.Master != 0) != (is.Master != 0)
	})}
}

// attachment says what is wrong with the switch's hold on a device. It is empty if nothing is wrong, and for a device that does
// not exist. If the cache says that something is wrong, the kernel is asked again.
func (d *devices) attachment(name string, userspace bool) object.Attachment {
	d.mu.Lock()
	defer d.mu.Unlock()
	if a, err := d.judge(name, userspace); err == nil && a == "" {
		return ""
	}
	d.known = nil
	if err := d.listener.ReadLink(name); err != nil {
		return "" // not known
	}
	a, _ := d.judge(name, userspace)
	return a
}

// judge says what the cache knows against a device. The lock is held, as in the functions below.
func (d *devices) judge(name string, userspace bool) (object.Attachment, error) {
	var link netlink.Link
	var there bool
	var came uint64
	d.links.View(func(c netlink.Cache) {
		link, there = c.Named(name)
		came = c.Came(link.Index)
	})
	if !there {
		return "", nil
	}
	if !userspace {
		if link.Master == 0 { // the kernel's datapath enslaves its ports
			return object.AttachmentLost, nil
		}
		return "", nil
	}
	if d.known[link.Index] != came {
		if err := d.readReaders(); err != nil {
			return "", err
		}
	}
	switch {
	case !d.readers[link.Index]:
		return object.AttachmentLost, nil
	case !link.Promiscuous: // only a flag that was set explicitly shows here, not one that a packet socket asked for
		return object.AttachmentNotPromiscuous, nil
	}
	return "", nil
}

// read reads all devices again.
func (d *devices) read(ctx context.Context) error {
	if err := d.listener.Read(ctx); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.readReaders()
}

// packetSockets lists the packet sockets of the thread's namespace (packet(7); net/packet/af_packet.c, packet_seq_show).
const packetSockets = "/proc/thread-self/net/packet"

// readReaders finds the devices that a packet socket for all protocols reads.
func (d *devices) readReaders() error {
	known := map[int]uint64{}
	d.links.View(func(c netlink.Cache) {
		for _, l := range c.All() {
			known[l.Index] = c.Came(l.Index)
		}
	})
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
	d.readers, d.known = readers, known
	return nil
}

// parseReaders reads lines of: sk RefCnt Type Proto Iface R Rmem User Inode. Proto is hexadecimal. Iface is -1 if the device was
// removed.
func parseReaders(lines *bufio.Scanner) (map[int]bool, error) {
	const protocol, iface, all = 3, 4, "0003" // ETH_P_ALL
	readers := map[int]bool{}
	lines.Scan() // the header line
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
