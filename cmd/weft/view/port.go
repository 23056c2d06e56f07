package view

import (
	"fmt"
	"time"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// port is the view of ports.
func port() Kind {
	return Kind{
		Of: model.KindPort,
		Columns: []Column{
			{Header: "NETWORK", Cell: cell(func(s *model.PortSpec, _ Entry) string { return s.Network })},
			{Header: "HOST", Cell: cell(portHost)},
			{Header: "ADDRESSES", Cell: cell(portAddresses)},
			{Header: "MAC", Wide: cell(portMAC)},
			{Header: "DEVICE", Wide: cell(func(s *model.PortSpec, _ Entry) string { return s.Device })},
		},
		Reads:  portReads,
		Facts:  portFacts,
		Claims: portClaims,
		OnHost: portOnHost,
		Hints:  portHints,
		Placed: portPlaced,
	}
}

// portHost is "h1", or "h1 -> h2" while the guest migrates.
func portHost(s *model.PortSpec, e Entry) string {
	switch s.MigrateTo {
	case "":
		return s.Host
	case e.Status.Host:
		return s.Host + " -> " + s.MigrateTo + " (arrived)"
	}
	return s.Host + " -> " + s.MigrateTo
}

// portAddresses are those that were allocated, or else those that were declared.
func portAddresses(s *model.PortSpec, e Entry) string {
	if list := e.Status.Allocated.Addresses; len(list) > 0 {
		return join(list)
	}
	return join(s.Addresses)
}

// portMAC is the MAC that was allocated, or else the one that was declared.
func portMAC(s *model.PortSpec, e Entry) string {
	if mac := e.Status.Allocated.MAC; !mac.IsZero() {
		return mac.String()
	}
	return s.MAC.String()
}

func portReads(e Entry) Reads {
	reads := Reads{Port: true}
	if s, ok := e.Object.Spec.(*model.PortSpec); ok {
		reads.Network = s.NetworkID(e.ID.Project)
	}
	return reads
}

func portFacts(e Entry, r Records, _ time.Time) []Fact {
	a := e.Status.Allocated
	return []Fact{{"network", acceptedNetwork(r.Network)}, {"mac", a.MAC.String()}, {"addresses", join(a.Addresses)}, {"device", a.Device}}
}

// portClaims are those on the MAC, the addresses, the interface id and, on each host, the device.
func portClaims(e Entry, r Records) []etcdschema.Key {
	if e.Object.Spec == nil {
		return nil
	}
	keys := macClaims(e)
	if r.Network != nil {
		keys = append(keys, addressClaims(r.Network.UID, e.Status.Allocated.Addresses)...)
	}
	named := false
	for _, node := range e.Nodes() {
		p := r.Hosts[node].Port
		if p == nil {
			continue
		}
		if !named {
			keys, named = append(keys, etcdschema.InterfaceClaim(p.InterfaceID)), true
		}
		keys = append(keys, etcdschema.DeviceClaim(node, p.Device))
	}
	return keys
}

// portOnHost says whether the port is active there, and on which interface.
func portOnHost(_ etcdschema.NodeStatus, h HostRecords, _ time.Time) []string {
	p := h.Port
	if p == nil {
		return nil
	}
	text := fmt.Sprintf("%s, %s, iface-id %s", p.State, interfaceText(p, h), p.InterfaceID)
	if p.State == desired.StateStandby {
		text += " (wired and mute in both directions, until the port moves here)"
	}
	return []string{text}
}

// interfaceText names the interface that a port has on a host, or the one that would be taken.
func interfaceText(p *desired.Port, h HostRecords) string {
	switch {
	case h.Device != "":
		return "interface " + h.Device
	case h.Exception == nil: // of an older weftd that does not report it
		return "device " + p.Device
	}
	return "no interface yet (by default device " + p.Device + ")"
}

// portHints say where the guest is, and what is left to do if the spec names another host or none.
func portHints(e Entry) []Fact {
	s, ok := e.Object.Spec.(*model.PortSpec)
	if !ok {
		return nil
	}
	facts := []Fact{{"guest on", guestOn(s, e.Status.Host)}}
	if s.Host == "" {
		facts = append(facts, Fact{"host", "none: set spec.host, nothing is programmed before"})
	}
	return facts
}

func guestOn(s *model.PortSpec, host string) string {
	switch {
	case host == "":
		return ""
	case host != s.Host && host == s.MigrateTo:
		return fmt.Sprintf("%s, where it has arrived from %s: set spec.host to %s and remove spec.migrateTo", host, s.Host, host)
	case s.MigrateTo != "":
		return fmt.Sprintf("%s, about to move to %s: it does when the guest announces itself there, or when spec.host says so", host, s.MigrateTo)
	}
	return host
}

// portPlaced says whether the port is on its host. A port whose intent cannot be read counts as placed, because its host is not known.
func portPlaced(e Entry) (bool, error) {
	s, ok := e.Object.Spec.(*model.PortSpec)
	switch {
	case !ok:
		return true, nil
	case s.Host == "":
		return false, fmt.Errorf("%s has no host: set spec.host, nothing is programmed before", e.ID)
	}
	_, on := e.Status.Nodes[s.Host]
	return on, nil
}
