package openflow

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

// Version10 is OpenFlow 1.0 on the wire. It is used for port configuration, because later versions do not show all of it.
const Version10 = 1

// The types of OpenFlow 1.0 that are written or read (openflow-spec 1.0, 5.1). TypeHello to TypeEchoReply are the same as in 1.4.
const (
	TypeVendor10           Type = 4
	TypeGetConfigRequest10 Type = 7
	TypeGetConfigReply10   Type = 8
	TypeSetConfig10        Type = 9
	TypePortStatus10       Type = 12
	TypePortMod10          Type = 15
	TypeStatsRequest10     Type = 16
	TypeStatsReply10       Type = 17
)

// PortConfig is the administrative part of a port's state (openflow-spec 1.0, 5.2.1, enum ofp_port_config).
type PortConfig uint32

// PortDown is the only flag that follows the device: the device is down.
const PortDown PortConfig = 1

// portFlags are the other flags, from the lowest bit up, with the names that ovs-ofctl mod-port uses.
var portFlags = []string{"no-stp", "no-receive", "no-receive-stp", "no-flood", "no-forward", "no-packet-in"}

// String lists the flags without PortDown. It is empty if none is set.
func (c PortConfig) String() string {
	var set []string
	for i, name := range portFlags {
		if c&(1<<(i+1)) != 0 {
			set = append(set, name)
		}
	}
	return strings.Join(set, ",")
}

// PortLocal is the number of the bridge's own port.
const PortLocal = 0xfffe

// Port is what a switch reports of a port.
type Port struct {
	Number uint16
	MAC    [6]byte
	Name   string
	Config PortConfig
}

// PortReason is why a port status is sent.
type PortReason uint8

// PortDeleted says that the port was removed. With any other reason the port exists as described.
const PortDeleted PortReason = 1

const (
	portLen    = 48
	portName   = 8  // where the name begins in a port
	portConfig = 24 // where its configuration begins
	statusHead = 8  // reason and padding
	statsHead  = 4  // type and flags
	statsPorts = 13 // OFPST_PORT_DESC, which Open vSwitch answers in OpenFlow 1.0 too
	statsMore  = 1
)

// AppendMessage10 appends a message of OpenFlow 1.0.
func AppendMessage10(b []byte, t Type, xid uint32, body []byte) []byte {
	start := len(b)
	b = AppendMessage(b, t, xid, body)
	b[start] = Version10
	return b
}

// AppendPortsRequest appends the request for all ports.
func AppendPortsRequest(b []byte, xid uint32) []byte {
	return AppendMessage10(b, TypeStatsRequest10, xid, []byte{0, statsPorts, 0, 0})
}

// ParsePorts reads the body of one answer to that request. more says that other answers follow.
func ParsePorts(body []byte) (ports []Port, more bool, err error) {
	if len(body) < statsHead || binary.BigEndian.Uint16(body) != statsPorts {
		return nil, false, fmt.Errorf("openflow: an answer of %d bytes is not about ports", len(body))
	}
	more = binary.BigEndian.Uint16(body[2:])&statsMore != 0
	for body = body[statsHead:]; len(body) > 0; body = body[portLen:] {
		if len(body) < portLen {
			return nil, false, fmt.Errorf("openflow: %d bytes are left of an answer about ports: a port has %d", len(body), portLen)
		}
		ports = append(ports, parsePort(body))
	}
	return ports, more, nil
}

func parsePort(b []byte) Port {
	p := Port{Number: binary.BigEndian.Uint16(b), Config: PortConfig(binary.BigEndian.Uint32(b[portConfig:]))}
	copy(p.MAC[:], b[2:portName])
	name, _, _ := bytes.Cut(b[portName:portConfig], []byte{0})
	p.Name = string(name)
	return p
}

// ParsePortStatus reads the body of a port status message.
func ParsePortStatus(body []byte) (PortReason, Port, error) {
	if len(body) != statusHead+portLen {
		return 0, Port{}, fmt.Errorf("openflow: a port's status has %d bytes: expected %d", len(body), statusHead+portLen)
	}
	return PortReason(body[0]), parsePort(body[statusHead:]), nil
}

// AppendPortMod appends the order to clear all flags of a port but PortDown. The switch refuses it if the MAC is not the port's.
func AppendPortMod(b []byte, xid uint32, p Port) []byte {
	body := binary.BigEndian.AppendUint16(nil, p.Number)
	body = append(body, p.MAC[:]...)
	body = binary.BigEndian.AppendUint32(body, 0)
	body = binary.BigEndian.AppendUint32(body, (1<<(len(portFlags)+1)-1)&^uint32(PortDown))
	return AppendMessage10(b, TypePortMod10, xid, append(body, make([]byte, 8)...)) // what the port advertises: unchanged
}

// ParseSwitchConfig reads the body of an answer to TypeGetConfigRequest10. The flags include the fragment mode.
func ParseSwitchConfig(body []byte) (flags uint16, err error) {
	if len(body) != 4 {
		return 0, fmt.Errorf("openflow: a switch's configuration has %d bytes: expected 4", len(body))
	}
	return binary.BigEndian.Uint16(body), nil
}

// AppendHearPorts appends the messages that make a switch send port status on this connection, and nothing else. Open vSwitch
// sends nothing to a service connection that asks for no bytes of packets (ofproto/connmgr.c, ofconn_receives_async_msg). So the
// messages ask for such bytes and switch packets off. flags must be the switch's current flags, because the message sets them.
func AppendHearPorts(b []byte, xid uint32, flags uint16) []byte {
	const missSendLen, nicira, setAsync = 128, 0x2320, 19
	config := binary.BigEndian.AppendUint16(nil, flags)
	b = AppendMessage10(b, TypeSetConfig10, xid, binary.BigEndian.AppendUint16(config, missSendLen))
	body := binary.BigEndian.AppendUint32(nil, nicira)
	body = binary.BigEndian.AppendUint32(body, setAsync)
	for _, mask := range []uint32{0, 0, ^uint32(0), ^uint32(0), 0, 0} { // packets, ports, flows that ended; as master and as slave
		body = binary.BigEndian.AppendUint32(body, mask)
	}
	return AppendMessage10(b, TypeVendor10, xid, body)
}
