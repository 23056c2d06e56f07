package ovsdb

import (
	"reflect"

	"github.com/ovn-kubernetes/libovsdb/client"
	"github.com/ovn-kubernetes/libovsdb/model"
)

// Row is a pointer to a row type. A row type is a struct whose fields have tags `ovsdb:"column"`. One of them is the string
// `ovsdb:"_uuid"`. The server sends no other column, so those are neither read nor compared.
type Row interface {
	// Table names the row's table. It may be called on a nil pointer.
	Table() string
	// The cache copies a row at every look-up and change. Without these methods it copies through JSON.
	model.CloneableModel
}

// Schema is what a client reads of one database.
type Schema struct {
	// Database is the database's name.
	Database string
	// Rows has one pointer to each row type. No two may be of the same table.
	Rows []Row
}

// Model is the schema as libovsdb wants it. It is exported for servers in tests.
func (s Schema) Model() (model.ClientDBModel, error) {
	tables := map[string]model.Model{}
	for _, r := range s.Rows {
		tables[r.Table()] = r
	}
	return model.NewClientDBModel(s.Database, tables)
}

// monitored lists every column of the row types. Without a list the server sends all columns, and libovsdb fails at a row with a
// column that has no field.
func (s Schema) monitored() (all []client.MonitorOption) {
	for _, r := range s.Rows {
		row := reflect.New(reflect.TypeOf(r).Elem())
		all = append(all, client.WithTable(row.Interface(), columnFields(row.Elem())...))
	}
	return all
}

// columnFields are pointers to those fields of a row that are columns. The UUID is no column that can be asked for.
func columnFields(row reflect.Value) (fields []any) {
	for i := range row.NumField() {
		if column := row.Type().Field(i).Tag.Get("ovsdb"); column != "" && column != columnUUID {
			fields = append(fields, row.Field(i).Addr().Interface())
		}
	}
	return fields
}
