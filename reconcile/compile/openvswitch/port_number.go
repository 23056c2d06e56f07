package openvswitch

import (
	"weft/hostnet/object"
	"weft/reconcile/compile"
)

// interfacePort is the OpenFlow port number of a router interface that Weft has plugged into the host's bridge; 0 while it has none.
func interfacePort(s compile.Site, device string) uint32 {
	i, ok := s.Reader().Interface(device)
	if !ok || i.Bridge != s.Host.Bridge || !i.Created {
		return 0
	}
	return usableOFPort(i)
}

// maxOFPort is OpenFlow 1.0's OFPP_MAX. Open vSwitch gives only lower numbers to ports.
const maxOFPort = 0xff00

func usableOFPort(i object.InterfaceFacts) uint32 {
	if i.OFPort >= maxOFPort {
		return 0
	}
	return i.OFPort
}

func because(err string) string {
	if err == "" {
		return ""
	}
	return ": OVS says " + compile.Quote(err)
}

// SessionDevice is the port that carries the BFD session with a host on a network.
func SessionDevice(networkUID, node string) string {
	return compile.DigestName("wb", networkUID+"/"+node)
}

// sessionPeerDevice is the other end of this pair of ports, where the session's packets leave and enter.
func sessionPeerDevice(networkUID, node string) string {
	return compile.DigestName("wq", networkUID+"/"+node)
}
