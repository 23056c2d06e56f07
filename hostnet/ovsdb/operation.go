package ovsdb

import (
	"errors"

	wire "github.com/ovn-kubernetes/libovsdb/ovsdb"
)

// What a transaction consists of (RFC 7047, sections 5.1 and 5.2).
type (
	// Operation is one operation of a transaction.
	Operation = wire.Operation
	// Condition selects rows.
	Condition = wire.Condition
	// Mutation changes a column relative to its value.
	Mutation = wire.Mutation
	// Columns are values to write, by column. A value is a string, an int, a bool, a UUID, a Set or a Map.
	Columns = wire.Row
	// UUID names a row: by its UUID, or by the name that Insert gave it in the same transaction.
	UUID = wire.UUID
	// Set is a column with several values, or with one that may be missing.
	Set = wire.OvsSet
	// Map is a column of keys and values.
	Map = wire.OvsMap
	// Result is the result of one operation.
	Result = wire.OperationResult
)

const columnUUID = "_uuid"

// EmptySet is a column without a value.
func EmptySet() Set { return SetOf[any]() }

// SetOf is a set of these values.
func SetOf[T any](values ...T) Set {
	set := Set{GoSet: make([]any, len(values))}
	for i, v := range values {
		set.GoSet[i] = v
	}
	return set
}

// WhereUUID selects one row by its UUID.
func WhereUUID(uuid string) []Condition {
	return []Condition{{Column: columnUUID, Function: wire.ConditionEqual, Value: UUID{GoUUID: uuid}}}
}

// WhereAll selects all rows.
func WhereAll() []Condition { return []Condition{} } // the protocol wants a list

// WhereName selects the rows with this value in the column name.
func WhereName(name string) []Condition {
	return []Condition{{Column: "name", Function: wire.ConditionEqual, Value: name}}
}

// Insert inserts a row. The name is for other operations of the same transaction. It may be empty.
func Insert(table, name string, row Columns) Operation {
	return Operation{Op: wire.OperationInsert, Table: table, Row: row, UUIDName: name}
}

// Update writes columns of the selected rows.
func Update(table string, where []Condition, row Columns) Operation {
	return Operation{Op: wire.OperationUpdate, Table: table, Where: where, Row: row}
}

// Mutate changes columns of the selected rows relative to their values, in this order.
func Mutate(table string, where []Condition, mutations ...Mutation) Operation {
	return Operation{Op: wire.OperationMutate, Table: table, Where: where, Mutations: mutations}
}

// Select reads columns of the selected rows.
func Select(table string, where []Condition, columns ...string) Operation {
	return Operation{Op: wire.OperationSelect, Table: table, Columns: columns, Where: where}
}

// Include adds the values of a Set, or those pairs of a Map whose key is not there yet.
func Include(column string, value any) Mutation {
	return Mutation{Column: column, Mutator: wire.MutateOperationInsert, Value: value}
}

// Exclude removes the values of a Set. Of a map it removes the pairs whose keys are in the Set.
func Exclude(column string, value any) Mutation {
	return Mutation{Column: column, Mutator: wire.MutateOperationDelete, Value: value}
}

// Increase adds to a number.
func Increase(column string, by int) Mutation {
	return Mutation{Column: column, Mutator: wire.MutateOperationAdd, Value: by}
}

// refused is the error of those operations that the server refused, and nil if there is none.
func refused(results []Result, ops []Operation) error {
	failed, err := wire.CheckOperationResults(results, ops)
	if err == nil {
		return nil
	}
	errs := []error{err}
	for _, f := range failed {
		errs = append(errs, f)
	}
	return errors.Join(errs...)
}
