package object

// Op is what a change does to one object.
type Op string

// The operations.
const (
	Create Op = "create"
	Update Op = "update"
	Delete Op = "delete"
)

// Change is one object's way from observed to desired, as drivers are asked to apply it. Desired is nil for Delete,
// Observed is nil for Create.
type Change struct {
	Op       Op
	Desired  Object
	Observed Object
}

// Key is the key of the object that changes.
func (c Change) Key() Key {
	if c.Desired != nil {
		return c.Desired.Key()
	}
	return c.Observed.Key()
}

// Event is what a driver saw happen on the host, sent after its own view already holds it.
type Event struct {
	// Keys of objects that changed or may have. An object of ours that a stranger made is among them.
	Keys []Key
	// Devices whose facts changed (appeared, vanished, got an OpenFlow port number).
	Devices []string
	// Resync says that anything of the driver may have changed: everything must be observed and compared again.
	Resync bool
	// By names who did it ("nft[1234]"), where the kernel says so; else empty.
	By string
}
