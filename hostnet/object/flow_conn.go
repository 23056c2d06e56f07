package object

import (
	"errors"
	"fmt"
	"strings"
)

// ConnState is what Open vSwitch's connection tracker says of a packet (ct_state, ovs-fields(7)).
type ConnState uint8

// The states.
const (
	ConnNew         ConnState = 1 << iota // it would begin a connection
	ConnEstablished                       // of a connection that was committed
	ConnRelated                           // about such a connection, an ICMP error for example
	ConnReply                             // in the direction opposite to the first packet
	ConnInvalid                           // the tracker cannot make sense of it
	ConnTracked                           // Track has seen it
)

// connStateNames are OVS's words, in the order of the bits.
func connStateNames() [6]string { return [...]string{"new", "est", "rel", "rpl", "inv", "trk"} }

// ConnMatch matches the state: the bits of Mask must be as in Value. A zero Mask means "any".
type ConnMatch struct{ Value, Mask ConnState }

// String writes the match as ovs-ofctl prints it: "+est-inv+trk".
func (m ConnMatch) String() string {
	var b strings.Builder
	for i, name := range connStateNames() {
		switch bit := ConnState(1) << i; {
		case m.Mask&bit == 0:
		case m.Value&bit != 0:
			b.WriteString("+" + name)
		default:
			b.WriteString("-" + name)
		}
	}
	return b.String()
}

// ParseConnMatch reads "+est-inv+trk", in any order. The error names what is no state.
func ParseConnMatch(text string) (m ConnMatch, err error) {
	if text == "" {
		return m, errors.New("ct_state: no state is named")
	}
	for rest := text; rest != ""; {
		sign := rest[0]
		word := rest[1:]
		if end := strings.IndexAny(word, "+-"); end >= 0 {
			word = word[:end]
		}
		bit := ConnState(0)
		for i, name := range connStateNames() {
			if name == word {
				bit = 1 << i
			}
		}
		if bit == 0 || sign != '+' && sign != '-' {
			return m, fmt.Errorf("ct_state: %q is no state of a connection", rest)
		}
		m.Mask |= bit
		if sign == '+' {
			m.Value |= bit
		}
		rest = rest[1+len(word):]
	}
	return m, nil
}

// Track gives the packet to the connection tracker in Zone, which is not 0, and looks it up in Table, where Match.Conn and Match.Original hold
// (OVS: ct(table,zone)). Nothing that follows it in the same flow is carried out for the packet as it was tracked, so it is the last action.
type Track struct {
	Zone  uint16
	Table uint8
}

// Commit makes the tracker remember the packet's connection in Zone (OVS: ct(commit,zone)). The packet must have come by Track in the
// same zone, with a valid state.
type Commit struct{ Zone uint16 }

func (a Track) String() string  { return fmt.Sprintf("track(zone=%d,table=%d)", a.Zone, a.Table) }
func (a Commit) String() string { return fmt.Sprintf("commit(zone=%d)", a.Zone) }
