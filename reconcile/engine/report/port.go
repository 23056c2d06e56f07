package report

import (
	"weft/etcdschema"
	"weft/model/desired"
)

// Port is the report of a port, as far as the node config determines it.
func Port(c *desired.NodeConfig, p *desired.Port) etcdschema.PortReport {
	r := etcdschema.PortReport{ID: p.Project + "/" + p.Name, Network: p.Network, MAC: p.MAC, Addresses: p.Addresses, State: p.State}
	if n := c.Network(p.Network); n != nil {
		r.SegmentationID, r.Physical = n.SegmentationID, n.PhysicalNetwork
	}
	return r
}
