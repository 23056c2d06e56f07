// Package ovsdbtest is an OVSDB server in memory, for tests.
package ovsdbtest

import (
	_ "embed"
	"encoding/json"
	"net"
	"testing"
	"time"

	"github.com/ovn-kubernetes/libovsdb/database/inmemory"
	"github.com/ovn-kubernetes/libovsdb/model"
	wire "github.com/ovn-kubernetes/libovsdb/ovsdb"
	"github.com/ovn-kubernetes/libovsdb/server"

	"weft/hostnet/ovsdb"
)

// openVSwitch is the schema of the database Open_vSwitch with the columns of the row types of package ovsdb.
//
//go:embed openvswitch.json
var openVSwitch []byte

// ServeSwitch serves an empty database Open_vSwitch on a Unix socket until the test ends. It returns when the server answers.
func ServeSwitch(t testing.TB, socket string) {
	t.Helper()
	serve(t, socket, ovsdb.OpenVSwitchSchema(), openVSwitch)
}

func serve(t testing.TB, socket string, rows ovsdb.Schema, text []byte) {
	t.Helper()
	var schema wire.DatabaseSchema
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	client, err := rows.Model()
	if err != nil {
		t.Fatal(err)
	}
	whole, errs := model.NewDatabaseModel(schema, client)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	s, err := server.NewOvsdbServer(inmemory.NewDatabase(map[string]model.ClientDBModel{rows.Database: client}, nil), nil, whole)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve("unix", socket) }()
	for !s.Ready() || !listens(socket) {
		select {
		case err := <-served:
			t.Fatal(err)
		case <-time.After(time.Millisecond):
		}
	}
	t.Cleanup(func() {
		s.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

func listens(socket string) bool {
	c, err := net.Dial("unix", socket)
	if err != nil {
		return false
	}
	c.Close()
	return true
}
