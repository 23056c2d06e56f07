package object

// Op is what a change does to one object.
type Op string

// The operations.
const (
	Create Op = "create"
	Update Op = "update"
	Delete Op = "delete"
)

// Change is what a driver has to apply to bring one object from observed to desired. Desired is nil for Delete. Observed is nil
// for Create.
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

// Event is what a driver saw on the host. It is sent after the driver's own cache holds it.
type Event struct {
	// Keys of objects that changed or may have changed. They include objects in our tables that somebody else made.
	Keys []Key
	// Devices whose facts changed: they were added, were removed, or got an OpenFlow port number.
	Devices []string
	// Resync says that anything of the driver may have changed. Everything must be observed and compared again.
	Resync bool
	// By names who did it ("nft[1234]") if the kernel says so. Otherwise it is empty.
	By string
}
