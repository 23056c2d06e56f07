package announce

import "weft/hostnet/object"

// listeners are the devices of this host that lead to guests and router interfaces, by network.
type listeners map[string]map[string]*listener

// listener is one such device. The one behind it may have several announcements.
type listener struct {
	announcements int
	router        bool
}

func (l listeners) add(a *object.Announcement) {
	if a.Local == "" {
		return
	}
	devices := l[a.Network]
	if devices == nil {
		devices = map[string]*listener{}
		l[a.Network] = devices
	}
	if devices[a.Local] == nil {
		devices[a.Local] = &listener{router: a.Router}
	}
	devices[a.Local].announcements++
}

func (l listeners) remove(a *object.Announcement) {
	known := l[a.Network][a.Local]
	if known == nil {
		return
	}
	if known.announcements--; known.announcements > 0 {
		return
	}
	delete(l[a.Network], a.Local)
	if len(l[a.Network]) == 0 {
		delete(l, a.Network)
	}
}

// of lists the devices of this host that must receive the announcement, in no order.
func (l listeners) of(a *object.Announcement) []string {
	var devices []string
	for device, who := range l[a.Network] {
		if device != a.Local && (a.Router || who.router) {
			devices = append(devices, device)
		}
	}
	return devices
}
