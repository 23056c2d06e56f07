package testbed

import (
	"encoding/hex"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// ParseFrame builds an Ethernet frame from text: layers parted by slashes, each a word with key=value fields. Lengths and
// checksums are computed.
//
//	eth src=MAC dst=MAC [type=0x88b5] / vlan id=102 [type=0x8100] / arp op=1 sha=MAC spa=IP [tha=MAC] tpa=IP
//	eth … / ip src=IP dst=IP [ttl=64] / udp src=67 dst=68 / data hex=00ff
//	eth … / ip6 src=IP dst=IP [hop=255] / icmp6 type=134 [code=0] / data hex=…
//
// eth's type and vlan's inner type follow from the next layer when it has one.
func ParseFrame(text string) ([]byte, error) {
	var stack []gopacket.SerializableLayer
	var network gopacket.NetworkLayer
	for i, part := range strings.Split(text, " / ") {
		f, err := parseLayer(part)
		if err != nil {
			return nil, fmt.Errorf("frame layer %d: %w", i+1, err)
		}
		l, err := f.layer(network)
		if err == nil {
			err = f.err
		}
		if key := f.unread(); err == nil && key != "" {
			err = fmt.Errorf("has no field %s", key)
		}
		if err != nil {
			return nil, fmt.Errorf("frame layer %d (%s): %w", i+1, f.name, err)
		}
		if n, ok := l.(gopacket.NetworkLayer); ok {
			network = n
		}
		stack = append(stack, l)
	}
	linkTypes(stack)
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, stack...); err != nil {
		return nil, fmt.Errorf("frame: %w", err)
	}
	return buf.Bytes(), nil
}

// linkTypes fills the types that follow from the next layer.
func linkTypes(stack []gopacket.SerializableLayer) {
	for i := 0; i+1 < len(stack); i++ {
		next := map[gopacket.LayerType]layers.EthernetType{
			layers.LayerTypeARP: layers.EthernetTypeARP, layers.LayerTypeIPv4: layers.EthernetTypeIPv4,
			layers.LayerTypeIPv6: layers.EthernetTypeIPv6, layers.LayerTypeDot1Q: layers.EthernetTypeDot1Q,
		}[stack[i+1].LayerType()]
		switch l := stack[i].(type) {
		case *layers.Ethernet:
			if l.EthernetType == 0 {
				l.EthernetType = next
			}
		case *layers.Dot1Q:
			if l.Type == 0 {
				l.Type = next
			}
		case *layers.IPv4:
			l.Protocol = protocolOf(stack[i+1], l.Protocol)
		case *layers.IPv6:
			l.NextHeader = protocolOf(stack[i+1], l.NextHeader)
		}
	}
}

func protocolOf(l gopacket.SerializableLayer, otherwise layers.IPProtocol) layers.IPProtocol {
	switch l.LayerType() {
	case layers.LayerTypeUDP:
		return layers.IPProtocolUDP
	case layers.LayerTypeICMPv6:
		return layers.IPProtocolICMPv6
	case layers.LayerTypeICMPv4:
		return layers.IPProtocolICMPv4
	}
	return otherwise
}

// fields is one layer's text; the first field that cannot be read is kept as err.
type fields struct {
	name   string
	values map[string]string
	read   map[string]bool
	err    error
}

func parseLayer(text string) (*fields, error) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return nil, fmt.Errorf("is empty")
	}
	f := &fields{name: words[0], values: map[string]string{}, read: map[string]bool{}}
	for _, w := range words[1:] {
		k, v, ok := strings.Cut(w, "=")
		if !ok {
			return nil, fmt.Errorf("%q is not key=value", w)
		}
		f.values[k] = v
	}
	return f, nil
}

func (f *fields) layer(network gopacket.NetworkLayer) (gopacket.SerializableLayer, error) {
	if (f.name == "udp" || f.name == "icmp6") && network == nil {
		return nil, fmt.Errorf("needs ip or ip6 before it")
	}
	switch f.name {
	case "eth":
		return &layers.Ethernet{SrcMAC: f.mac("src"), DstMAC: f.mac("dst"), EthernetType: layers.EthernetType(f.number("type", 0))}, nil
	case "vlan":
		return &layers.Dot1Q{VLANIdentifier: uint16(f.number("id", 0)), Priority: uint8(f.number("priority", 0)),
			Type: layers.EthernetType(f.number("type", 0))}, nil
	case "arp":
		return &layers.ARP{AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6,
			ProtAddressSize: 4, Operation: uint16(f.number("op", 1)), SourceHwAddress: f.mac("sha"),
			SourceProtAddress: f.ip("spa").To4(), DstHwAddress: f.mac("tha"), DstProtAddress: f.ip("tpa").To4()}, nil
	case "ip":
		return &layers.IPv4{Version: 4, IHL: 5, TTL: uint8(f.number("ttl", 64)), SrcIP: f.ip("src"), DstIP: f.ip("dst"),
			Protocol: layers.IPProtocol(f.number("proto", 0))}, nil
	case "ip6":
		return &layers.IPv6{Version: 6, HopLimit: uint8(f.number("hop", 255)), SrcIP: f.ip("src"), DstIP: f.ip("dst"),
			NextHeader: layers.IPProtocol(f.number("next", 59))}, nil
	case "udp":
		l := &layers.UDP{SrcPort: layers.UDPPort(f.number("src", 0)), DstPort: layers.UDPPort(f.number("dst", 0))}
		return l, l.SetNetworkLayerForChecksum(network)
	case "icmp":
		return &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(uint8(f.number("type", 8)), uint8(f.number("code", 0)))}, nil
	case "icmp6":
		l := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(uint8(f.number("type", 128)), uint8(f.number("code", 0)))}
		return l, l.SetNetworkLayerForChecksum(network)
	case "data":
		data, err := hex.DecodeString(f.value("hex"))
		return gopacket.Payload(data), err
	}
	return nil, fmt.Errorf("is none of eth, vlan, arp, ip, ip6, udp, icmp, icmp6, data")
}

// value is a field as it was written, or "" if it is missing.
func (f *fields) value(key string) string {
	f.read[key] = true
	return f.values[key]
}

// unread names a field that the layer does not have; "" when there is none.
func (f *fields) unread() string {
	for _, key := range sortedKeys(f.values) {
		if !f.read[key] {
			return key
		}
	}
	return ""
}

func (f *fields) mac(key string) net.HardwareAddr {
	s := f.value(key)
	if s == "" {
		return make(net.HardwareAddr, 6)
	}
	hw, err := net.ParseMAC(s)
	f.note(key, err)
	return hw
}

func (f *fields) ip(key string) net.IP {
	ip := net.ParseIP(f.value(key))
	if ip == nil {
		f.note(key, fmt.Errorf("%q is no address", f.value(key)))
	}
	return ip
}

func (f *fields) number(key string, otherwise uint64) uint64 {
	s := f.value(key)
	if s == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(s, 0, 16)
	f.note(key, err)
	return n
}

func (f *fields) note(key string, err error) {
	if err != nil && f.err == nil {
		f.err = fmt.Errorf("%s: %w", key, err)
	}
}
