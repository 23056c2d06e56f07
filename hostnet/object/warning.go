package object

import (
	"fmt"
	"time"
)

// WarningReason says in one word what is wrong, as conditions and metrics name it.
type WarningReason string

// The reasons.
const (
	// WarnMACMismatch: the hypervisor gave the guest another MAC than the port has.
	WarnMACMismatch WarningReason = "MACMismatch"
	// WarnForeignSource: the guest sends frames, and none of them comes from the port's MAC.
	WarnForeignSource WarningReason = "ForeignSource"
	// WarnUnknownInterface: an OVS interface on the bridge has an interface id that no port has.
	WarnUnknownInterface WarningReason = "UnknownInterface"
	// WarnAddressDeclined: the guest found that another machine has its address.
	WarnAddressDeclined WarningReason = "AddressDeclined"
	// WarnLinkLocalLimit: the guest has used as many link-local addresses as its port may.
	WarnLinkLocalLimit WarningReason = "LinkLocalLimit"
	// WarnBridgeNetfilter: the host's own packet filter also judges what passes the host's bridges.
	WarnBridgeNetfilter WarningReason = "BridgeNetfilter"
	// WarnOptionsLeftOut: not everything that the guest requested fits into the DHCP answer.
	WarnOptionsLeftOut WarningReason = "OptionsLeftOut"
)

// WarningReasons lists the reasons.
func WarningReasons() []WarningReason {
	return []WarningReason{WarnMACMismatch, WarnForeignSource, WarnUnknownInterface, WarnAddressDeclined, WarnLinkLocalLimit,
		WarnBridgeNetfilter, WarnOptionsLeftOut}
}

// Warning is something that looks wrong although nothing failed: everything is programmed, but it will not work.
type Warning struct {
	Reason  WarningReason
	Message string // a sentence for people: what was seen, what was expected, what to do
}

// ForeignSource is the warning about a guest whose port has the given MAC. first is the source of the first foreign frame. It is
// zero if unknown.
func ForeignSource(port, first MAC) Warning {
	how := "tcpdump -e on its device"
	if first != (MAC{}) {
		how = fmt.Sprintf("the first frame came from %s; %s", first, how)
	}
	return Warning{Reason: WarnForeignSource, Message: fmt.Sprintf(
		"the guest sends frames and none passes: none is untagged and from the port's MAC %s; see which MAC it uses "+
			"(%s) and give it the port's, or the port its own", port, how)}
}

// LinkLocalLimit is the warning about a guest that has used as many link-local addresses as it may within a time. wait says how
// long another address does not work, as in "for up to 5m".
func LinkLocalLimit(limit int, within time.Duration, wait string) Warning {
	return Warning{Reason: WarnLinkLocalLimit, Message: fmt.Sprintf(
		"the guest has used %d link-local addresses within %s, as many as a port may: a further one, and with it IPv6, does not "+
			"work %s; have the guest keep its address over reboots, or plug its interface anew", limit, within, wait)}
}
