package ovsdb

import (
	"iter"

	"github.com/ovn-kubernetes/libovsdb/model"
)

// Get returns the row with this UUID. R says of which table. ok is false if there is none.
func Get[R Row](c *Client, uuid string) (row R, ok bool) {
	row, ok = c.rows.Table(row.Table()).Row(uuid).(R)
	return row, ok
}

// Find returns the row that has the same values as like in the columns of an index of the table. ok is false if there is none.
func Find[R Row](c *Client, like R) (row R, ok bool) {
	_, m, err := c.rows.Table(like.Table()).RowByModel(like)
	if err != nil || m == nil {
		return row, false
	}
	row, ok = m.(R)
	return row, ok
}

// Snapshot is all rows of one table at one moment.
type Snapshot[R Row] struct{ rows map[string]model.Model }

// All returns all rows of a table. R says of which one.
func All[R Row](c *Client) Snapshot[R] {
	var r R
	return Snapshot[R]{c.rows.Table(r.Table()).RowsShallow()}
}

// Len is the number of rows.
func (s Snapshot[R]) Len() int { return len(s.rows) }

// Get returns the row with this UUID. ok is false if there is none.
func (s Snapshot[R]) Get(uuid string) (row R, ok bool) {
	row, ok = s.rows[uuid].(R)
	return row, ok
}

// Each yields all rows in any order.
func (s Snapshot[R]) Each() iter.Seq[R] {
	return func(yield func(R) bool) {
		for _, m := range s.rows {
			if !yield(m.(R)) {
				return
			}
		}
	}
}
