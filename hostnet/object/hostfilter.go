package object

// HostFilter is the nftables tables "weft" of families inet and arp in the host's own namespace. On silent devices the host's
// stack neither receives nor sends. The number of rules does not grow, because the silent devices are in a set.
type HostFilter struct {
	OwnerUID string
	// Faults says what is wrong with the observed tables. It is always desired "".
	Faults string
}

// SilentDevice is a device that the host's own stack must not use: a guest's device, an uplink of Open vSwitch, the host's end of
// a router interface. It need not exist yet.
//
// Open vSwitch's userspace datapath reads frames, but the kernel's stack receives them too. The stack also receives the frames of
// a device of the kernel's datapath or of a bridge until the device is a port.
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

// Diff implements Object. The owner is not in the kernel and is not compared.
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

// Diff implements Object. A silent device has nothing but its key.
func (s *SilentDevice) Diff(Object) []Difference { return nil }

// Protects implements Protector. Without the rules the host's stack receives the frames of every guest.
func (f *HostFilter) Protects(Object) bool { return true }

// Protects implements Protector.
func (s *SilentDevice) Protects(Object) bool { return true }
