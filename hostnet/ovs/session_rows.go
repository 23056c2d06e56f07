package ovs

import (
	"fmt"
	"strconv"

	"weft/hostnet/object"
	"weft/hostnet/ovsdb"
)

// sessionSettings is the column bfd of a session (ovs-vswitchd.conf.db(5)). The keys local_… are what it sends with.
// remote_dst_mac is what it accepts.
func sessionSettings(s *object.Session) map[string]string {
	interval := strconv.FormatInt(object.SessionInterval.Milliseconds(), 10)
	return map[string]string{
		"enable": "true", "min_tx": interval, "min_rx": interval,
		"bfd_src_ip": object.SessionSource.String(), "bfd_dst_ip": object.SessionDestination.String(),
		"bfd_local_src_mac": s.Local.String(), "bfd_local_dst_mac": s.Remote.String(), "bfd_remote_dst_mac": s.Local.String(),
	}
}

// sessionOf is the session that a port carries. It is nil for any other port.
func (r *rows) sessionOf(p portRecord) *object.Session {
	if p.session() != p.port.Name {
		return nil
	}
	s := &object.Session{OwnerUID: p.owner(), Bridge: p.bridge.Name, Device: p.port.Name, PeerDevice: p.iface.Options["peer"]}
	s.Local, s.Remote = macOrZero(p.iface.BFD["bfd_local_src_mac"]), macOrZero(p.iface.BFD["bfd_local_dst_mac"])
	deviate := func(format string, args ...any) { s.Deviations = append(s.Deviations, fmt.Sprintf(format, args...)) }
	if p.iface.Type != "patch" {
		deviate("%s has type %q", p.port.Name, p.iface.Type)
	}
	for k, want := range sessionSettings(s) {
		if have := p.iface.BFD[k]; have != want {
			deviate("bfd:%s is %q", k, have)
		}
	}
	wire, there := r.port(s.PeerDevice)
	switch {
	case !there || wire.session() != s.Device:
		deviate("%q is not there, or no port of the session", s.PeerDevice)
	case wire.bridge.UUID != p.bridge.UUID || wire.iface.Type != "patch" || wire.iface.Options["peer"] != s.Device || len(wire.iface.BFD) > 0:
		deviate("%s is not the other end of %s", s.PeerDevice, s.Device)
	}
	return s
}

func macOrZero(text string) object.MAC {
	m, err := parseMAC(text)
	if err != nil {
		return object.MAC{}
	}
	return m
}

// sessionPorts are the ports that carry a session of ours.
func (r *rows) sessionPorts() (out []portRecord) {
	for i := range ovsdb.All[*ovsdb.Interface](r.db.Client).Each() {
		if id(i.ExternalIDs, idSession) != i.Name {
			continue
		}
		if p, ok := r.port(i.Name); ok {
			out = append(out, p)
		}
	}
	return out
}

// carrier says whether every uplink of a bridge has carrier.
func (r *rows) carrier(b *ovsdb.Bridge) bool {
	for _, uuid := range b.Ports {
		if p, ok := r.portOf(uuid); ok && p.uplink() && (p.iface.LinkState == nil || *p.iface.LinkState != "up") {
			return false
		}
	}
	return true
}
