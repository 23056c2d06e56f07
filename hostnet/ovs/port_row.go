package ovs

import (
	"weft/hostnet/object"
	"weft/hostnet/ovsdb"
)

// portRecord is one port with its interface and bridge.
type portRecord struct {
	bridge *ovsdb.Bridge
	port   *ovsdb.Port
	iface  *ovsdb.Interface
}

// owner is the uid that both rows carry. It is "" if one of them lacks it, so that it is set again.
func (p portRecord) owner() string {
	if o := id(p.iface.ExternalIDs, idOwner); o == id(p.port.ExternalIDs, idOwner) {
		return o
	}
	return ""
}

// ours says that Weft created or adopted the port.
func (p portRecord) ours() bool {
	return id(p.iface.ExternalIDs, idOwner) != "" || id(p.port.ExternalIDs, idOwner) != ""
}

func (p portRecord) created() bool {
	return p.ours() && (p.iface.ExternalIDs[idCreated] == "true" || p.port.ExternalIDs[idCreated] == "true")
}

func (p portRecord) uplink() bool { return id(p.iface.ExternalIDs, idPhysicalNetwork) != "" }

// mtuRequest is the MTU that the switch was asked to keep on the device. 0 means none.
func (p portRecord) mtuRequest() int {
	if p.iface.MTURequest == nil {
		return 0
	}
	return *p.iface.MTURequest
}

func (p portRecord) local() bool { return p.bridge.Name == p.port.Name }

func (p portRecord) session() string { return id(p.iface.ExternalIDs, idSession) }

// system says that the interface is a netdev that somebody else made.
func (p portRecord) system() bool {
	return !p.local() && (p.iface.Type == "" || p.iface.Type == "system")
}

// number is the OpenFlow port number. It is 0 if there is none.
func (p portRecord) number() uint16 {
	if n := p.iface.OFPort; n != nil && *n > 0 && *n <= 0xffff {
		return uint16(*n)
	}
	return 0
}

// key is the key of the object that a port of ours belongs to.
func (p portRecord) key() (k object.Key, ours bool) {
	switch {
	case !p.ours() || p.local():
		return k, false
	case p.uplink():
		return object.Key{Kind: object.KindUplink, Name: p.port.Name}, true
	case p.session() != "":
		return object.Key{Kind: object.KindSession, Name: p.session()}, true
	}
	return object.Key{Kind: object.KindOVSPort, Name: p.port.Name}, true
}

// maxProblem bounds an error text of the switch.
const maxProblem = 500

// problem says why the switch could not open the device. It is "" if the device is open or was not tried yet.
func (p portRecord) problem() string {
	switch {
	case p.iface.Error != nil && *p.iface.Error != "":
		return (*p.iface.Error)[:min(len(*p.iface.Error), maxProblem)]
	case p.iface.OFPort != nil && *p.iface.OFPort < 0:
		return "the switch could not open the device"
	}
	return ""
}

// opened says that the switch has opened the device or has given up.
func (p portRecord) opened() bool { return p.iface.OFPort != nil || p.problem() != "" }
