// Package view says what the commands know of each kind of intent: the columns of `weft get`, what `weft describe` reads and shows, what
// `weft delete`, `weft wait` and `weft diff` ask of a kind.
//
// Invariants:
//   - Each kind has one file, with one function that makes its Kind. Kinds lists them. A command finds a kind with Of and asks it. It
//     does not compare kinds itself.
//   - What a kind has nothing to say about is nil. The command then shows what it shows of every object.
//   - The package reads and writes nothing: a kind says which records it needs, and gets them.
//   - Its texts contain names as they are in etcd. Whoever writes them to a terminal makes them printable.
package view

import (
	"time"

	"weft/etcdschema"
	"weft/model"
)

// Kind is what the commands know of one kind of intent.
type Kind struct {
	Of model.Kind
	// Columns are the kind's own columns in a table. They stand between the name and the status.
	Columns []Column
	// Reads says which records describe reads of the object.
	Reads func(Entry) Reads
	// Facts are what describe shows first: the object's allocated values, and what it is on. Ages are those at the time now.
	Facts func(e Entry, r Records, now time.Time) []Fact
	// Claims lists the claims on the values that the object uses. describe reads them, too.
	Claims func(Entry, Records) []etcdschema.Key
	// OnHost says what the object is on one of its hosts, in lines. Whether it is programmed there is said for every kind.
	OnHost func(n etcdschema.NodeStatus, h HostRecords, now time.Time) []string
	// Hints are what describe shows last: where the object is, and what is missing before it has an effect.
	Hints func(Entry) []Fact
	// Secrets names fields of the spec whose values describe and diff do not show. `weft get -o yaml` shows them.
	Secrets []string
	// Placed says for `weft wait` whether the object is on the host that its spec names. An error says that waiting does not help. If
	// Placed is nil, an object is also programmed when it is on no host.
	Placed func(Entry) (bool, error)
	// Protected says that `weft delete` does not delete an object of the kind while others refer to it, because they would become invalid.
	Protected bool
	// Gives says of an accepted object which addresses of which network it gives to others; nil for none. `weft delete` does not delete
	// it while others use them.
	Gives func(model.Object) (network model.ID, has func(model.Address) bool)
	// Chosen says in lines what `weft diff` shows of the values that would be allocated.
	Chosen func(etcdschema.Allocated) []string
}

// Column is one column of a table.
type Column struct {
	Header string
	// Cell is the text of an object's cell. Wide is the text in a wide table. If Wide is nil, it is that of Cell. If Cell is nil, only
	// wide tables have the column.
	Cell, Wide func(Entry) string
}

// Shown lists the columns of a table, wide or not. The text of each is its Cell.
func (k Kind) Shown(wide bool) []Column {
	var list []Column
	for _, c := range k.Columns {
		if wide && c.Wide != nil {
			c.Cell = c.Wide
		}
		if c.Cell != nil {
			list = append(list, c)
		}
	}
	return list
}
