package ovs

import "github.com/ovn-kubernetes/libovsdb/model"

// The row types have only the columns that are needed. The server sends no other column, so those are neither read nor compared.
// Statistics, for example, change all the time.

type rootRow struct {
	UUID    string   `ovsdb:"_uuid"`
	Bridges []string `ovsdb:"bridges"`
	NextCfg int      `ovsdb:"next_cfg"` // raised by those who want to know when the switch is done
	CurCfg  int      `ovsdb:"cur_cfg"`  // the NextCfg that the switch has carried out
}

type bridgeRow struct {
	UUID         string            `ovsdb:"_uuid"`
	Name         string            `ovsdb:"name"`
	Ports        []string          `ovsdb:"ports"`
	Controller   []string          `ovsdb:"controller"`
	DatapathType string            `ovsdb:"datapath_type"`
	FailMode     *string           `ovsdb:"fail_mode"`
	Protocols    []string          `ovsdb:"protocols"`
	STP          bool              `ovsdb:"stp_enable"`
	RSTP         bool              `ovsdb:"rstp_enable"`
	OtherConfig  map[string]string `ovsdb:"other_config"`
	ExternalIDs  map[string]string `ovsdb:"external_ids"`
}

type portRow struct {
	UUID        string            `ovsdb:"_uuid"`
	Name        string            `ovsdb:"name"`
	Interfaces  []string          `ovsdb:"interfaces"`
	Tag         *int              `ovsdb:"tag"`
	ExternalIDs map[string]string `ovsdb:"external_ids"`
}

type interfaceRow struct {
	UUID   string `ovsdb:"_uuid"`
	Name   string `ovsdb:"name"`
	Type   string `ovsdb:"type"`
	OFPort *int   `ovsdb:"ofport"` // -1 if the device could not be opened
	// OFPortRequest is the requested OpenFlow port number.
	OFPortRequest *int              `ovsdb:"ofport_request"`
	Error         *string           `ovsdb:"error"`
	MTURequest    *int              `ovsdb:"mtu_request"`
	ExternalIDs   map[string]string `ovsdb:"external_ids"`
	Options       map[string]string `ovsdb:"options"`
	BFD           map[string]string `ovsdb:"bfd"`
	BFDStatus     map[string]string `ovsdb:"bfd_status"`
	LinkState     *string           `ovsdb:"link_state"`
}

type controllerRow struct {
	UUID   string `ovsdb:"_uuid"`
	Target string `ovsdb:"target"`
}

const (
	tableRoot       = "Open_vSwitch"
	tableBridge     = "Bridge"
	tablePort       = "Port"
	tableInterface  = "Interface"
	tableController = "Controller"
)

func databaseModel() (model.ClientDBModel, error) {
	return model.NewClientDBModel("Open_vSwitch", map[string]model.Model{
		tableRoot: &rootRow{}, tableBridge: &bridgeRow{}, tablePort: &portRow{}, tableInterface: &interfaceRow{},
		tableController: &controllerRow{},
	})
}

// Keys of external_ids. The first three are Weft's own, the others are conventions of hypervisors.
const (
	idOwner           = "weft-owner"            // uid of the desired item, on Bridge, Port and Interface
	idCreated         = "weft-created"          // "true" on the ports that Weft created and may delete
	idPhysicalNetwork = "weft-physical-network" // on uplinks
	idInterface       = "iface-id"
	idAttachedMAC     = "attached-mac"
)

// maxID bounds a value from external_ids, because anybody on the host can write them.
const maxID = 255

// id reads a key of external_ids. A value that is too long counts as none.
func id(ids map[string]string, key string) string {
	if v := ids[key]; len(v) <= maxID {
		return v
	}
	return ""
}
