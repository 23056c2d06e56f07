package metadata

import (
	"sync"
	"sync/atomic"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
)

// link is the only interface of a port's stack: the guest's device. It implements stack.LinkEndpoint. What the stack sends leaves in
// frames from ServerMAC to the guest's MAC, whatever IP address it is for. So the stack resolves no neighbours.
type link struct {
	to  packetsocket.Sender
	mac object.MAC // the guest's

	mtu      atomic.Uint32
	mu       sync.RWMutex
	deliver  stack.NetworkDispatcher // nil when the stack is not attached
	finished func()                  // what the stack wants to be told at the end; nil for nothing
}

func newLink(to packetsocket.Sender, mac object.MAC, mtu uint32) *link {
	l := &link{to: to, mac: mac}
	l.mtu.Store(mtu)
	return l
}

// receive gives an IP packet of the guest to the stack. It copies the packet.
func (l *link) receive(protocol tcpip.NetworkProtocolNumber, packet []byte) {
	l.mu.RLock()
	deliver := l.deliver
	l.mu.RUnlock()
	if deliver == nil {
		return
	}
	p := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(packet)})
	deliver.DeliverNetworkPacket(protocol, p)
	p.DecRef()
}

// WritePackets implements stack.LinkEndpoint. A frame for which there is no room is lost, and TCP sends it again.
func (l *link) WritePackets(packets stack.PacketBufferList) (int, tcpip.Error) {
	between := packetsocket.Between{Src: object.ServerMAC, Dst: l.mac}
	for n, p := range packets.AsSlice() {
		etherType := packetsocket.EtherTypeIPv4
		if p.NetworkProtocolNumber == header.IPv6ProtocolNumber {
			etherType = packetsocket.EtherTypeIPv6
		}
		view := p.ToView()
		err := l.to.Send(packetsocket.Frame(between, etherType, view.AsSlice()))
		view.Release()
		if err != nil && n == 0 {
			return 0, &tcpip.ErrNoBufferSpace{}
		}
	}
	return packets.Len(), nil
}

// MTU implements stack.LinkEndpoint.
func (l *link) MTU() uint32 { return l.mtu.Load() }

// SetMTU implements stack.LinkEndpoint.
func (l *link) SetMTU(mtu uint32) { l.mtu.Store(mtu) }

// MaxHeaderLength implements stack.LinkEndpoint. The Ethernet header is not made in the stack's buffers.
func (l *link) MaxHeaderLength() uint16 { return 0 }

// LinkAddress implements stack.LinkEndpoint.
func (l *link) LinkAddress() tcpip.LinkAddress { return tcpip.LinkAddress(object.ServerMAC[:]) }

// SetLinkAddress implements stack.LinkEndpoint. The address is always ServerMAC.
func (l *link) SetLinkAddress(tcpip.LinkAddress) {}

// Capabilities implements stack.LinkEndpoint. Checksums of what the guest sends are not verified, because veth and virtio leave them to
// hardware that does not exist.
func (l *link) Capabilities() stack.LinkEndpointCapabilities {
	return stack.CapabilityRXChecksumOffload
}

// Attach implements stack.LinkEndpoint.
func (l *link) Attach(d stack.NetworkDispatcher) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deliver = d
}

// IsAttached implements stack.LinkEndpoint.
func (l *link) IsAttached() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.deliver != nil
}

// Wait implements stack.LinkEndpoint. The link has no goroutines.
func (l *link) Wait() {}

// ARPHardwareType implements stack.LinkEndpoint. Without a type the stack neither sends nor answers ARP.
func (l *link) ARPHardwareType() header.ARPHardwareType { return header.ARPHardwareNone }

// AddHeader implements stack.LinkEndpoint.
func (l *link) AddHeader(*stack.PacketBuffer) {}

// ParseHeader implements stack.LinkEndpoint. The packets that the link delivers begin with the IP header.
func (l *link) ParseHeader(*stack.PacketBuffer) bool { return true }

// Close implements stack.LinkEndpoint.
func (l *link) Close() {
	l.mu.Lock()
	finished := l.finished
	l.mu.Unlock()
	if finished != nil {
		finished()
	}
}

// SetOnCloseAction implements stack.LinkEndpoint.
func (l *link) SetOnCloseAction(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.finished = f
}
