package object

// WarningReason is what is wrong in one word, as conditions and metrics name it.
type WarningReason string

// The reasons.
const (
	// WarnMACMismatch: the hypervisor gave the guest another MAC than the port has.
	WarnMACMismatch WarningReason = "MACMismatch"
	// WarnForeignSource: frames come from the guest, and none of them from the port's MAC.
	WarnForeignSource WarningReason = "ForeignSource"
	// WarnUnknownInterface: an OVS interface on the bridge has an interface id that no port has.
	WarnUnknownInterface WarningReason = "UnknownInterface"
	// WarnAddressDeclined: the guest found that somebody else has its address.
	WarnAddressDeclined WarningReason = "AddressDeclined"
	// WarnLinkLocalLimit: the guest has used as many link-local addresses as its port may.
	WarnLinkLocalLimit WarningReason = "LinkLocalLimit"
	// WarnBridgeNetfilter: what passes the host's bridges is judged by the host's own packet filter too.
	WarnBridgeNetfilter WarningReason = "BridgeNetfilter"
	// WarnOptionsLeftOut: not everything that the guest asked for fits into the DHCP answer.
	WarnOptionsLeftOut WarningReason = "OptionsLeftOut"
)

// WarningReasons lists the reasons.
func WarningReasons() []WarningReason {
	return []WarningReason{WarnMACMismatch, WarnForeignSource, WarnUnknownInterface, WarnAddressDeclined, WarnLinkLocalLimit,
		WarnBridgeNetfilter, WarnOptionsLeftOut}
}

// Warning is something that looks wrong though nothing failed: everything is programmed, and it will not work.
type Warning struct {
	Reason  WarningReason
	Message string // a sentence for people: what was seen, what was expected, what to do
}
