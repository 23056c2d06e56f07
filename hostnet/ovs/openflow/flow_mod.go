package openflow

import (
	"encoding/binary"
	"errors"

	"weft/hostnet/object"
)

// Command is what a flow modification does.
type Command uint8

// The commands (openflow-spec 1.4, 7.3.4.2).
const (
	Add Command = 0
	// Delete removes every flow of the table that carries the cookie.
	Delete Command = 3
	// DeleteStrict removes the flow of that table, priority and match, if it carries the cookie.
	DeleteStrict Command = 4
)

// FlowMod is one flow modification. Delete uses only the table of the flow. DeleteStrict uses everything but the actions.
type FlowMod struct {
	Command Command
	Cookie  uint64
	Flow    object.Flow
}

const (
	defaultPriority = 0x8000
	noBuffer        = 0xffffffff
	anyPort         = 0xffffffff
	anyGroup        = 0xffffffff
)

// append writes the message. It does not check prerequisites of fields that the types allow to be missing, because the switch
// refuses those.
func (m FlowMod) append(b []byte, xid uint32) ([]byte, error) {
	start := len(b)
	be := binary.BigEndian
	var mask uint64
	priority, match := m.Flow.Priority, m.Flow.Match
	switch m.Command {
	case Add:
	case Delete:
		mask, priority, match = ^mask, defaultPriority, object.Match{}
	case DeleteStrict:
		mask = ^mask
	default:
		return b, errors.New("a flow modification with an unknown command")
	}
	b = appendHeader(b, TypeFlowMod, 0, xid)
	b = be.AppendUint64(b, m.Cookie)
	b = be.AppendUint64(b, mask)
	b = append(b, m.Flow.Table, byte(m.Command), 0, 0, 0, 0) // no timeouts
	b = be.AppendUint16(b, priority)
	b = be.AppendUint32(b, noBuffer)
	b = be.AppendUint32(b, anyPort)
	b = be.AppendUint32(b, anyGroup)
	b = append(b, 0, 0, 0, 0) // no flags, no importance
	b, err := appendMatch(b, match)
	if err == nil && m.Command == Add {
		b, err = appendInstructions(b, m.Flow.Actions)
	}
	if err == nil && len(b)-start > MaxLen {
		err = errors.New("longer than a message can be")
	}
	if err != nil {
		return b, err
	}
	be.PutUint16(b[start+2:], uint16(len(b)-start))
	return b, nil
}

// pad appends zeros until the part that began at start has a length of a multiple of 8.
func pad(b []byte, start int) []byte {
	for (len(b)-start)%8 != 0 {
		b = append(b, 0)
	}
	return b
}
