package compile

import (
	"net/netip"

	"weft/hostnet/object"
	"weft/model/desired"
)

// networkFlows are the flows of one network: its VLAN in tables 0 and 50, its flood list in table 20, and the protection of its
// DHCP servers' addresses, for which every host answers itself.
func networkFlows(n *desired.Network, s networkState, flood []object.Action) []object.Flow {
	var l flowList
	meta := object.Exact64(s.number)
	if s.uplinkPort != 0 {
		l.add(tableClassify, prioAllow, object.Match{InPort: s.uplinkPort, VLAN: object.VLANID(n.SegmentationID)},
			object.PopVLAN{}, object.SetMetadata{Value: s.number}, object.Goto{Table: tableFromNetwork})
		l.add(tableUplink, prioAllow, object.Match{Metadata: meta},
			object.PushVLAN{ID: n.SegmentationID}, object.Output{Port: s.uplinkPort})
	}
	l.add(tableForward, prioAllow, object.Match{Metadata: meta, EthDst: object.GroupMAC()}, flood...)
	centralNetworkRules(&l, n, meta)
	for _, server := range dhcpServers(n) {
		address := single(server)
		l.drop(tableForward, prioDrop, object.Match{Metadata: meta, EthType: ethARP, ARPTPA: address})
		l.drop(tableFromNetwork, prioDrop, object.Match{Metadata: meta, EthType: ethARP, ARPSPA: address})
		l.drop(tableFromNetwork, prioDrop, object.Match{Metadata: meta, EthType: ethIPv4, IPSrc: address})
	}
	return l
}

// dhcpServers lists the network's DHCPv4 server addresses, each once.
func dhcpServers(n *desired.Network) []netip.Addr {
	var servers []netip.Addr
	seen := map[netip.Addr]bool{}
	for _, s := range n.Subnets {
		if a := s.DHCPServer.Addr; a.Is4() && !seen[a] {
			seen[a] = true
			servers = append(servers, a)
		}
	}
	return servers
}
