package ovsdb

// The row types have only the columns that are needed. Statistics, for example, change all the time. What the columns mean is in
// ovs-vswitchd.conf.db(5).

// OpenVSwitch is the only row of the table Open_vSwitch.
type OpenVSwitch struct {
	UUID    string   `ovsdb:"_uuid"`
	Bridges []string `ovsdb:"bridges"`
	NextCfg int      `ovsdb:"next_cfg"` // raised by those who want to know when the switch is done
	CurCfg  int      `ovsdb:"cur_cfg"`  // the NextCfg that the switch has carried out
}

// Bridge is a row of the table Bridge.
type Bridge struct {
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

// Port is a row of the table Port.
type Port struct {
	UUID        string            `ovsdb:"_uuid"`
	Name        string            `ovsdb:"name"`
	Interfaces  []string          `ovsdb:"interfaces"`
	Tag         *int              `ovsdb:"tag"`
	ExternalIDs map[string]string `ovsdb:"external_ids"`
}

// Interface is a row of the table Interface.
type Interface struct {
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

// Controller is a row of the table Controller.
type Controller struct {
	UUID   string `ovsdb:"_uuid"`
	Target string `ovsdb:"target"`
}

// The tables of the row types.
const (
	TableRoot       = "Open_vSwitch"
	TableBridge     = "Bridge"
	TablePort       = "Port"
	TableInterface  = "Interface"
	TableController = "Controller"
)

// OpenVSwitchSchema is the database Open_vSwitch as far as a driver needs it.
func OpenVSwitchSchema() Schema {
	return Schema{Database: "Open_vSwitch", Rows: []Row{&OpenVSwitch{}, &Bridge{}, &Port{}, &Interface{}, &Controller{}}}
}

// Table implements Row.
func (*OpenVSwitch) Table() string { return TableRoot }

// Table implements Row.
func (*Bridge) Table() string { return TableBridge }

// Table implements Row.
func (*Port) Table() string { return TablePort }

// Table implements Row.
func (*Interface) Table() string { return TableInterface }

// Table implements Row.
func (*Controller) Table() string { return TableController }
