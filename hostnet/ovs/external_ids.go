package ovs

// Keys of external_ids. The first three are Weft's own, the others are conventions of hypervisors.
const (
	idOwner           = "weft-owner"            // uid of the desired item, on Bridge, Port and Interface
	idCreated         = "weft-created"          // "true" on the ports that Weft created and may delete
	idPhysicalNetwork = "weft-physical-network" // on uplinks
	idInterface       = "iface-id"
	idAttachedMAC     = "attached-mac"
)

// idSession is a key of external_ids on both ports of a BFD session of ours. It names the port that carries the session.
const idSession = "weft-session"

// maxID bounds a value from external_ids, because anybody on the host can write them.
const maxID = 255

// id reads a key of external_ids. A value that is too long counts as none.
func id(ids map[string]string, key string) string {
	if v := ids[key]; len(v) <= maxID {
		return v
	}
	return ""
}
