package model

import "fmt"

// ValidateSet reports what is wrong between objects of one set:
//
//   - the same object twice;
//   - one address, MAC, segment, interface id or device that two objects want;
//   - an allowed address pair with an address or MAC that another object names as its own;
//   - address pools of one network that overlap;
//   - addresses of guests on a management network;
//   - what ValidateRefs reports.
//
// outside finds objects that are not in the set. When it is nil, these are not known, and references to them are allowed.
func ValidateSet(objs []Located, outside Lookup) Errors {
	set := make(map[ID]Located, len(objs))
	var errs Errors
	for _, l := range objs {
		id := l.Object.ID()
		if first, ok := set[id]; ok {
			errs = append(errs, l.place(Errors{{Field: "metadata.name", Message: "is declared already " + first.where() + ": keep one"}})...)
			continue
		}
		set[id] = l
	}
	lookup := func(id ID) (Object, bool) {
		if l, ok := set[id]; ok {
			return l.Object, true
		}
		if outside != nil {
			return outside(id)
		}
		return Object{}, false
	}
	for _, l := range objs {
		errs = append(errs, l.place(validateRefs(l.Object, lookup, outside == nil))...)
	}
	errs = append(errs, conflicts(objs)...)
	errs = append(errs, pairConflicts(objs)...)
	errs = append(errs, managementConflicts(objs)...)
	return append(errs, poolOverlaps(objs)...).sorted()
}

// where names the place from which an object was read, for messages about another object.
func (l Located) where() string { return fmt.Sprintf("in %s line %d", l.File, l.Line) }

// wish is a value that an object wants and that no other object may have.
type wish struct{ space, value string }

// conflicts finds values that two different objects of the set want. An object that is given twice is reported elsewhere.
func conflicts(objs []Located) Errors {
	taken := make(map[wish]Located)
	var errs Errors
	for _, l := range objs {
		for _, w := range wishes(l.Object) {
			first, ok := taken[w.wish]
			if !ok {
				taken[w.wish] = l
				continue
			}
			if first.Object.ID() == l.Object.ID() {
				continue
			}
			errs = append(errs, l.place(Errors{{Field: w.field, Message: fmt.Sprintf("%s is wanted already by %s (%s): choose another",
				w.text, first.Object.ID(), first.where())}})...)
		}
	}
	return errs
}

type fieldWish struct {
	wish
	field, text string
}

// wishes lists the values that the object names. Values that the controllers choose cannot collide.
func wishes(o Object) []fieldWish {
	var out []fieldWish
	add := func(field, text, space, value string) { out = append(out, fieldWish{wish{space, value}, field, text}) }
	switch s := o.Spec.(type) {
	case *NetworkSpec:
		switch {
		case s.Type == NetworkTypeFlat && s.PhysicalNetwork != "":
			add("spec.physicalNetwork", "the untagged segment of PhysicalNetwork "+s.PhysicalNetwork, "segment/"+s.PhysicalNetwork, "untagged")
		case s.SegmentationID != 0:
			id := fmt.Sprint(s.SegmentationID)
			add("spec.segmentationID", "VLAN "+id, "segment/"+s.PhysicalNetwork, id)
		}
	case *RouterSpec:
		for i, id := range s.NetworkIDs(o.Metadata.Project) {
			add(item("spec.networks", i), id.String(), "router-network", id.String())
		}
	case *FloatingIPSpec:
		if s.Address.IsValid() {
			add("spec.address", s.Address.String(), "address/"+s.NetworkID(o.Metadata.Project).String(), s.Address.String())
		}
		if s.Port != "" && s.FixedAddress.IsValid() {
			fixed := s.FixedAddress.String()
			add("spec.fixedAddress", "to be reached at "+fixed+" of Port "+s.Port, "fixed/"+o.Metadata.Project+"/"+s.Port, fixed)
		}
	case *PortSpec:
		network := s.NetworkID(o.Metadata.Project).String()
		for i, a := range s.Addresses {
			if a.IsValid() {
				add(fmt.Sprintf("spec.addresses[%d]", i), a.String(), "address/"+network, a.String())
			}
		}
		if !s.MAC.IsZero() {
			add("spec.mac", s.MAC.String(), "mac", s.MAC.String())
		}
		if s.InterfaceID != "" {
			add("spec.interfaceID", s.InterfaceID, "interface", s.InterfaceID)
		}
		for _, host := range []string{s.Host, s.MigrateTo} {
			if s.Device != "" && host != "" {
				add("spec.device", s.Device+" on Host "+host, "device/"+host, s.Device)
			}
		}
	}
	return out
}
