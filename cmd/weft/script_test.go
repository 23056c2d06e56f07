package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"weft/etcdschema"
	"weft/etcdschema/etcdserver"
)

// TestMain makes the test binary act as weft when a script runs it.
func TestMain(m *testing.M) {
	shareGlobalFlags()
	testscript.Main(m, map[string]func(){"weft": func() { os.Exit(run()) }})
}

// TestScripts runs testdata/script. Each script has keys of its own in one embedded etcd. Besides weft, scripts have `etcdput KEY TEXT`
// and `etcdget KEY`. Keys are relative to root and layout.
func TestScripts(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	server, err := etcdserver.Start(ctx, etcdserver.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	t.Run("scripts", func(t *testing.T) {
		testscript.Run(t, testscript.Params{
			Dir: "testdata/script",
			Setup: func(e *testscript.Env) error {
				root := "/" + strings.ReplaceAll(filepath.Base(e.WorkDir), ".", "-")
				e.Setenv("WEFT_ENDPOINTS", strings.Join(server.Endpoints(), ","))
				e.Setenv("WEFT_ROOT", root)
				e.Setenv("HOME", e.WorkDir)
				client, err := etcdschema.Open(t.Context(), etcdschema.Config{Endpoints: server.Endpoints(), Root: root})
				if err != nil {
					return err
				}
				e.Defer(func() { client.Close() })
				e.Values["etcd"] = client
				return nil
			},
			Cmds: map[string]func(*testscript.TestScript, bool, []string){"etcdput": etcdPut, "etcdget": etcdGet},
		})
	})
}

func etcdPut(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: etcdput KEY TEXT…")
	}
	txn := etcdschema.NewTxn()
	txn.Put(etcdschema.ParseKey(args[0]), []byte(strings.Join(args[1:], " ")))
	_, _, err := ts.Value("etcd").(*etcdschema.Client).Commit(context.Background(), txn)
	ts.Check(err)
}

func etcdGet(ts *testscript.TestScript, neg bool, args []string) {
	item, ok, err := ts.Value("etcd").(*etcdschema.Client).Get(context.Background(), etcdschema.ParseKey(args[0]))
	ts.Check(err)
	if ok == neg {
		ts.Fatalf("%s: exists %v", args[0], ok)
	}
	fmt.Fprintln(ts.Stdout(), string(item.Value))
}
