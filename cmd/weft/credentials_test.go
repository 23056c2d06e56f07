package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"weft/etcdschema/etcdserver"
	"weft/etcdschema/pki"
)

// TestCredentials sets up an etcd that authenticates everybody by certificate, and tests what each may do.
func TestCredentials(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	dir := t.TempDir()
	ca, err := pki.New("test", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	caFile, _, err := ca.Pair.Write(dir, "ca")
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, p pki.Pair, err error) (cert, key string) {
		t.Helper()
		if err == nil {
			cert, key, err = p.Write(dir, name)
		}
		if err != nil {
			t.Fatal(err)
		}
		return cert, key
	}
	serverPair, err := ca.Server("etcd", []string{"127.0.0.1"}, time.Hour)
	cert, key := write("etcd", serverPair, err)
	server, err := etcdserver.Start(ctx, etcdserver.Config{Dir: t.TempDir(), ClientURL: "https://127.0.0.1:0",
		TLS: etcdserver.TLSConfig{CertFile: cert, KeyFile: key, CAFile: caFile}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	as := make(map[string][]string)
	for _, who := range []string{"root", "alice", "h1"} {
		pair, err := ca.Client(who, time.Hour)
		cert, key := write(who, pair, err)
		as[who] = []string{"--endpoints", server.Endpoints()[0], "--ca", caFile, "--cert", cert, "--key", key}
	}
	weft := func(who string, exit int, want string, args ...string) {
		t.Helper()
		var out bytes.Buffer
		args = append(append([]string{"weft"}, args...), as[who]...)
		code := execute(ctx, streams{strings.NewReader(devManifest), &out, &out}, args)
		if code != exit || !strings.Contains(out.String(), want) {
			t.Errorf("%s: %v: exit %d, expected %d and %q:\n%s", who, args, code, exit, want, out.String())
		}
	}
	weft("alice", 1, `common name "root"`, "etcd", "setup", "--person", "alice", "--enable-auth")
	weft("root", 0, "enable authentication", "etcd", "setup", "--person", "alice", "--host", "h1", "--enable-auth")
	weft("alice", 0, "Port alpha/web-1 created", "apply", "-f", "-")
	weft("alice", 0, "web-1", "get", "port", "-p", "alpha")
	weft("alice", 0, "no controller has led yet", "status")
	weft("alice", 1, "- Port alpha/web-1", "diff", "-f", "-", "--delete")
	weft("alice", 0, "told the controllers", "accept")
	weft("alice", 1, "permission denied", "etcd", "setup", "--person", "mallory")
	weft("h1", 1, "permission denied", "get", "port", "-p", "alpha")
	weft("h1", 1, "permission denied", "apply", "-f", "-")
	weft("h1", 1, "permission denied", "accept")
}
