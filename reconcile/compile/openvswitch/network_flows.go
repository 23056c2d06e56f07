package openvswitch

import (
	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/compile"
)

// networkFlows are the flows of one network: its VLAN in tables 0 and 50, its flood list in table 20, and the protection of its
// DHCP servers' addresses, for which every host answers itself.
func networkFlows(n *desired.Network, w wire, flood []object.Action) []object.Flow {
	var l flowList
	meta := object.Exact64(w.number)
	if w.uplinkPort != 0 {
		l.add(tableClassify, prioAllow, object.Match{InPort: w.uplinkPort, VLAN: object.VLANID(n.SegmentationID)},
			object.PopVLAN{}, object.SetMetadata{Value: w.number}, object.Goto{Table: tableFromNetwork})
		l.add(tableUplink, prioAllow, object.Match{Metadata: meta},
			object.PushVLAN{ID: n.SegmentationID}, object.Output{Port: w.uplinkPort})
	}
	l.add(tableForward, prioAllow, object.Match{Metadata: meta, EthDst: object.GroupMAC()}, flood...)
	centralNetworkRules(&l, n, meta)
	for _, server := range compile.DHCPServers(n) {
		address := single(server)
		l.drop(tableForward, prioDrop, object.Match{Metadata: meta, EthType: ethARP, ARPTPA: address})
		l.drop(tableFromNetwork, prioDrop, object.Match{Metadata: meta, EthType: ethARP, ARPSPA: address})
		l.drop(tableFromNetwork, prioDrop, object.Match{Metadata: meta, EthType: ethIPv4, IPSrc: address})
	}
	return l
}
