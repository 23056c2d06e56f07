package report

import (
	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// claimant says which claimed value the node uses because of an item of a kind. Kinds that are not in the list use none, or report
// it otherwise: ports by Port, centralized routers by their gateway report.
type claimant struct {
	of      desired.Kind
	claimed func(c *desired.NodeConfig, item desired.Item) etcdschema.ClaimedReport // with For empty for none
}

func claimants() []claimant {
	return []claimant{
		{desired.KindHost, reporting(hostMAC)},
		{desired.KindNetwork, reporting(hostAddresses)},
		{desired.KindRouter, reporting(routedPrefixes)},
		{desired.KindFloatingIP, reporting(floatingAddress)},
	}
}

// Claimed is the claimed value that the node uses because of the item, and that nobody else must get; false when there is none.
func Claimed(c *desired.NodeConfig, k desired.Key) (etcdschema.ClaimedReport, bool) {
	for _, one := range claimants() {
		if one.of == k.Kind && c.Has(k) {
			r := one.claimed(c, c.Item(k))
			return r, r.For != ""
		}
	}
	return etcdschema.ClaimedReport{}, false
}

func reporting[T desired.Item](claimed func(*desired.NodeConfig, T) etcdschema.ClaimedReport) func(*desired.NodeConfig, desired.Item) etcdschema.ClaimedReport {
	return func(c *desired.NodeConfig, item desired.Item) (none etcdschema.ClaimedReport) {
		if typed, ok := item.(T); ok {
			return claimed(c, typed)
		}
		return none
	}
}

// hostMAC is the host's own MAC.
func hostMAC(_ *desired.NodeConfig, h *desired.Host) (none etcdschema.ClaimedReport) {
	if h.RouterMAC.IsZero() {
		return none
	}
	return etcdschema.ClaimedReport{For: h.Title(), MAC: h.RouterMAC}
}

// hostAddresses are the host's addresses on an external network.
func hostAddresses(c *desired.NodeConfig, n *desired.Network) (none etcdschema.ClaimedReport) {
	host := c.Host()
	if host == nil || n.Gateway == nil || len(n.Gateway.Addresses) == 0 {
		return none
	}
	r := etcdschema.ClaimedReport{For: host.Title(), Owner: host.UID, Network: n.UID}
	for _, p := range n.Gateway.Addresses {
		r.Addresses = append(r.Addresses, model.Address{Addr: p.Addr()})
	}
	return r
}

func floatingAddress(_ *desired.NodeConfig, f *desired.FloatingIP) etcdschema.ClaimedReport {
	return etcdschema.ClaimedReport{For: f.Title(), Network: f.Network, Addresses: []model.Address{f.Address}}
}

// routedPrefixes are a router's prefixes on an external network that routes IPv6: the prefixes of its interfaces.
func routedPrefixes(c *desired.NodeConfig, r *desired.Router) (none etcdschema.ClaimedReport) {
	var gateway *desired.NodeGateway
	if n := c.Network(r.External); n != nil {
		gateway = n.Gateway
	}
	if r.Central != nil {
		gateway = r.Central.External
	}
	if gateway == nil || !gateway.RoutedIPv6 {
		return none
	}
	claimed := etcdschema.ClaimedReport{For: r.Title(), Network: r.External}
	for _, iface := range r.Interfaces {
		for _, p := range iface.Addresses {
			if p.IsValid() && p.Addr().Is6() {
				claimed.Prefixes = append(claimed.Prefixes, p.Masked())
			}
		}
	}
	if len(claimed.Prefixes) == 0 {
		return none
	}
	return claimed
}
