package object

// HostFilter is the nftables tables "weft" of families inet and arp in the host's own namespace: on silent devices the host's stack
// neither hears nor says anything. Their number of rules does not grow; silent devices are a set's.
type HostFilter struct {
	OwnerUID string
	// Faults of an observed one is what is wrong with the tables; always desired "".
	Faults string
}

// SilentDevice is a device that the host's own stack has no part in: a guest's, an uplink of Open vSwitch, the host's end of a router
// interface. It need not be there yet.
//
// Open vSwitch's userspace datapath reads frames beside the kernel's stack, which gets them too. A device of the kernel's datapath
// or of a bridge does so until it is a port.
type SilentDevice struct {
	OwnerUID string
	Device   string
}

// Key implements Object.
func (f *HostFilter) Key() Key { return Key{KindHostFilter, "weft"} }

// Owner implements Object.
func (f *HostFilter) Owner() string { return f.OwnerUID }

// DependsOn implements Object.
func (f *HostFilter) DependsOn() []Key { return nil }

// Diff implements Object. The owner is not in the kernel and not compared.
func (f *HostFilter) Diff(observed Object) []Difference {
	var d differ
	d.field("faults", observed.(*HostFilter).Faults, f.Faults)
	return d
}

// Key implements Object.
func (s *SilentDevice) Key() Key { return Key{KindSilentDevice, s.Device} }

// Owner implements Object.
func (s *SilentDevice) Owner() string { return s.OwnerUID }

// DependsOn implements Object.
func (s *SilentDevice) DependsOn() []Key { return []Key{(&HostFilter{}).Key()} }

// Diff implements Object: there is nothing but that it is there.
func (s *SilentDevice) Diff(Object) []Difference { return nil }

// Protects implements Protector: without the rules the host's stack hears every guest.
func (f *HostFilter) Protects(Object) bool { return true }

// Protects implements Protector.
func (s *SilentDevice) Protects(Object) bool { return true }
