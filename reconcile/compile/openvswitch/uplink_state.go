package openvswitch

import "weft/reconcile/compile"

// uplinkState is the state of one declared uplink according to the host's facts.
type uplinkState struct {
	refused string // why it is never touched
	pending string // what it waits for, or what is wrong with one that is ours already
	missing bool   // there is no such link
	ofport  uint32 // OpenFlow port number; 0 while there is none
}

// uplink finds the state of the host's i-th uplink. It is refused if it carries an address, the default route or the route to etcd,
// or belongs to something else: using it would disconnect the host. An uplink that is in our bridge already stays there, whatever
// was added to it later: removing it would disconnect the guests.
func uplink(s compile.Site, i int) uplinkState {
	up := s.Host.Uplinks[i]
	why, missing := s.UplinkFault(i)
	if why != "" && !missing {
		return uplinkState{refused: why}
	}
	name := compile.UplinkName(up)
	if up.Interface == s.Host.Bridge {
		return uplinkState{refused: name + ": it is the bridge itself"}
	}
	if missing {
		return uplinkState{missing: true, pending: why}
	}
	link, _ := s.Reader().Link(up.Interface)
	iface, plugged := s.Reader().Interface(up.Interface)
	carries := compile.Carries(link)
	switch {
	case plugged && iface.Bridge != s.Host.Bridge:
		return uplinkState{refused: name + ": it is a port of OVS bridge " + iface.Bridge}
	case plugged && carries != "":
		return uplinkState{ofport: usableOFPort(iface), pending: name + " is in use by guests but " + carries}
	case carries != "":
		return uplinkState{refused: name + " " + carries}
	case plugged && usableOFPort(iface) == 0:
		return uplinkState{pending: name + ": waits for an OpenFlow port number" + because(iface.Error)}
	case plugged:
		return uplinkState{ofport: iface.OFPort}
	}
	return uplinkState{pending: name + ": waits for an OpenFlow port number"}
}
