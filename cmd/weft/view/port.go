package view

import (
	"fmt"
	"strings"
	"time"

	"weft/cmd/weft/internal/terminal"
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
		// They are for the guest, and often hold passwords.
		Secrets: []string{"userData", "userDataBase64"},
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
	return append([]Fact{{"network", acceptedNetwork(r.Network)}, {"mac", a.MAC.String()}, {"addresses", join(a.Addresses)},
		{"allowed address pairs", declaredPairs(e)}, {"security groups", strings.Join(a.SecurityGroups, ", ")}, {"device", a.Device}}, guestFacts(e)...)
}

// declaredPairs are the allowed address pairs that the intent declares.
func declaredPairs(e Entry) string {
	s, ok := e.Object.Spec.(*model.PortSpec)
	if !ok {
		return ""
	}
	var parts []string
	for _, p := range s.AllowedAddressPairs {
		parts = append(parts, pairText(p.Address, p.MAC))
	}
	return strings.Join(parts, ", ")
}

// pairText is "10.0.0.50", or "10.0.0.50 with 00:00:5e:00:01:33".
func pairText(b model.AddressBlock, m model.MAC) string {
	if m.IsZero() {
		return b.String()
	}
	return b.String() + " with " + m.String()
}

// pairsText are the allowed address pairs that a host was told for a port; empty without any.
func pairsText(p *desired.Port) string {
	var parts []string
	for _, pair := range p.AddressPairs {
		m := pair.MAC
		if m == p.MAC {
			m = model.MAC{}
		}
		parts = append(parts, pairText(pair.Address, m))
	}
	if len(parts) == 0 {
		return ""
	}
	return "allowed address pairs: " + strings.Join(parts, ", ")
}

// hostNetText is how the guest reaches the services of a host; empty when it reaches none.
func hostNetText(p *desired.Port) string {
	switch p.HostNet.Mode {
	case "":
		return ""
	case model.HostNetNIC:
		return fmt.Sprintf("services of the host: by the NIC on device %s, with MAC %s", p.HostNet.Device, p.HostNet.MAC)
	}
	return "services of the host: by the port's own NIC"
}

// guestFacts say how much the guest is configured with. The content of user data is not shown.
func guestFacts(e Entry) (facts []Fact) {
	s, ok := e.Object.Spec.(*model.PortSpec)
	if !ok {
		return nil
	}
	if n := len(s.UserDataBytes()); n > 0 {
		facts = append(facts, Fact{"user data", fmt.Sprintf("%d bytes", n)})
	}
	if n := len(s.SSHKeys); n > 0 {
		facts = append(facts, Fact{"ssh keys", fmt.Sprint(n)})
	}
	return facts
}

// portClaims are those on the MAC, the addresses, the interface id and, on each host, the device.
func portClaims(e Entry, r Records) []etcdschema.Key {
	if e.Object.Spec == nil {
		return nil
	}
	keys := macClaims(e)
	if r.Network != nil {
		keys = append(keys, addressClaims(r.Network.UID, e.Status.Allocated.Addresses)...)
		keys = append(keys, pairClaims(e, r.Network.UID)...)
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
		if p.HostNet.Device != "" {
			keys = append(keys, etcdschema.DeviceClaim(node, p.HostNet.Device))
		}
	}
	return keys
}

// pairClaims are the claims of the allowed address pairs that the intent declares.
func pairClaims(e Entry, network string) (keys []etcdschema.Key) {
	s, ok := e.Object.Spec.(*model.PortSpec)
	if !ok || e.Status.UID == "" {
		return nil
	}
	for _, p := range s.AllowedAddressPairs {
		keys = append(keys, etcdschema.AddressPairClaim(network, p.Address.Prefix, e.Status.UID))
		if !p.MAC.IsZero() && p.MAC != e.Status.Allocated.MAC {
			keys = append(keys, etcdschema.PairMACClaim(p.MAC, e.Status.UID))
		}
	}
	return keys
}

// portOnHost says whether the port is active there, and on which interface.
func portOnHost(_ etcdschema.NodeStatus, h HostRecords, now time.Time) []string {
	p := h.Port
	if p == nil {
		return nil
	}
	text := fmt.Sprintf("%s, %s, iface-id %s", p.State, interfaceText(p, h), p.InterfaceID)
	if p.State == desired.StateStandby {
		text += " (wired and mute in both directions, until the port moves here)"
	}
	lines := []string{text}
	for _, text := range []string{limitsText(p.Limits), pairsText(p), hostNetText(p), rejectedText(h.Rejected, now)} {
		if text != "" {
			lines = append(lines, text)
		}
	}
	return lines
}

// rejectedText is "rejected frames: source-ipv4 12 (20s ago); ..."; empty without any.
func rejectedText(list []etcdschema.RejectedFrames, now time.Time) string {
	var parts []string
	for _, r := range list[:min(len(list), etcdschema.MaxRejected)] {
		parts = append(parts, fmt.Sprintf("%s %d (last %s ago)", r.Reason, r.Frames, terminal.Age(now, r.Last)))
	}
	if len(parts) == 0 {
		return ""
	}
	return "rejected frames: " + strings.Join(parts, "; ")
}

// limitsText are the limits that a host was told for a port, with the network's and the project's defaults; empty without any.
func limitsText(l desired.PortLimits) string {
	var parts []string
	for _, one := range []struct {
		name  string
		limit desired.RateLimit
	}{{"egress (what the guest sends)", l.Egress}, {"ingress (what it receives)", l.Ingress}} {
		if text := limitText(one.limit); text != "" {
			parts = append(parts, one.name+" "+text)
		}
	}
	if text := broadcastText(l.Broadcast); text != "" {
		parts = append(parts, "broadcast (what it sends to many) "+text)
	}
	if len(parts) == 0 {
		return ""
	}
	return "limits: " + strings.Join(parts, "; ")
}

// broadcastText is empty where the host's default counts.
func broadcastText(l desired.BroadcastLimit) string {
	switch {
	case l.Unlimited:
		return "unlimited"
	case l.PacketRate == 0:
		return ""
	case l.BurstPackets == 0:
		return fmt.Sprintf("%d packets/s", l.PacketRate)
	}
	return fmt.Sprintf("%d packets/s, burst %d packets", l.PacketRate, l.BurstPackets)
}

func limitText(l desired.RateLimit) string {
	var parts []string
	if l.RateKbps != 0 {
		parts = append(parts, fmt.Sprintf("%d kbit/s", l.RateKbps))
	}
	if l.BurstKbit != 0 {
		parts = append(parts, fmt.Sprintf("burst %d kbit", l.BurstKbit))
	}
	if l.PacketRate != 0 {
		parts = append(parts, fmt.Sprintf("%d packets/s", l.PacketRate))
	}
	return strings.Join(parts, ", ")
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
