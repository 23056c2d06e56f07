package dhcp

import (
	"bytes"
	"fmt"
	"strings"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
)

// leftOut is what an answer does not contain because it would not fit.
type leftOut struct {
	protocol string
	options  []string // short names with their codes, so that two lists and the advice fit into a report's message
	limit    int      // of the packet, in bytes
}

// String is a sentence for people. It is empty if nothing is left out.
func (l leftOut) String() string {
	if len(l.options) == 0 {
		return ""
	}
	return fmt.Sprintf("%s options do not fit %d bytes: %s", l.protocol, l.limit, strings.Join(l.options, ", "))
}

// omission is the request of one protocol whose answer leaves out most. The request is kept and not what its answer lacked, so
// that today's binding decides. If the network is given fewer options, the warning changes at once.
type omission struct {
	owner   string // uid of the port
	request []byte
}

// omissions are the omissions of one device, by packetsocket.EtherType of the protocol.
type omissions map[uint16]omission

// omit remembers a request whose answer leaves out options. Only a request that leaves out more than all before is reported. So a
// guest that varies its requests changes nothing.
func (d *Driver) omit(b *object.DHCPBinding, received []byte, left leftOut) {
	if len(left.options) == 0 {
		return
	}
	protocol := packetsocket.EtherType(received)
	d.mu.Lock()
	defer d.mu.Unlock()
	last := d.omitted[b.Device][protocol]
	if last.owner == b.OwnerUID && len(left.options) <= len(Answer(b, last.request).leftOut.options) {
		return
	}
	if d.omitted[b.Device] == nil {
		d.omitted[b.Device] = omissions{}
	}
	d.omitted[b.Device][protocol] = omission{b.OwnerUID, bytes.Clone(received)}
	d.tell(b.Key())
}

// omissionWarnings says what the binding's answers leave out. It is one warning for both protocols.
func (d *Driver) omissionWarnings(b *object.DHCPBinding) []object.Warning {
	var said []string
	for _, protocol := range []uint16{packetsocket.EtherTypeIPv4, packetsocket.EtherTypeIPv6} {
		if o, has := d.omitted[b.Device][protocol]; has && o.owner == b.OwnerUID {
			if left := Answer(b, o.request).leftOut.String(); left != "" {
				said = append(said, left)
			}
		}
	}
	if len(said) == 0 {
		return nil
	}
	return []object.Warning{{Reason: object.WarnOptionsLeftOut, Message: "the guest is not told all that it asks for; " +
		"in spec.dhcp of its network give fewer routes, dnsServers or ntpServers, or a shorter domain: " + strings.Join(said, "; ")}}
}
