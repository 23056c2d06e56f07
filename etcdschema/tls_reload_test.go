package etcdschema

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"weft/etcdschema/etcdserver"
	"weft/etcdschema/pki"
)

// keyring is a folder with the certificates of one etcd and one client. They are renewed while both run.
type keyring struct {
	t      *testing.T
	dir    string
	etcd   *etcdserver.Server
	data   string
	listen string
}

func (k *keyring) files(name string) TLSConfig {
	return TLSConfig{CertFile: filepath.Join(k.dir, name+".crt"), KeyFile: filepath.Join(k.dir, name+".key"), CAFile: k.path(name + "-ca.crt")}
}

func (k *keyring) path(name string) string { return filepath.Join(k.dir, name) }

// issue renews a certificate.
func (k *keyring) issue(by *pki.Authority, name string) {
	k.t.Helper()
	os.Remove(k.path(name + ".crt"))
	os.Remove(k.path(name + ".key"))
	pair, err := by.Client(name, time.Hour)
	if name == "etcd" {
		pair, err = by.Server(name, []string{"127.0.0.1"}, time.Hour)
	}
	if err == nil {
		_, _, err = pair.Write(k.dir, name)
	}
	if err != nil {
		k.t.Fatal(err)
	}
}

// trust writes the CA file of one side.
func (k *keyring) trust(name string, pem ...[]byte) {
	k.t.Helper()
	if err := os.WriteFile(k.path(name+"-ca.crt"), bytes.Join(pem, nil), 0o644); err != nil {
		k.t.Fatal(err)
	}
}

// restart starts etcd again with its data, its port, and the present files.
func (k *keyring) restart() {
	k.t.Helper()
	if k.etcd != nil {
		k.etcd.Close()
	}
	e, err := etcdserver.Start(testContext(k.t), etcdserver.Config{Dir: k.data, ClientURL: k.listen, TLS: etcdserver.TLSConfig(k.files("etcd"))})
	if err != nil {
		k.t.Fatal(err)
	}
	k.etcd, k.listen = e, e.Endpoints()[0]
}

// A CA is renewed step by step while a client runs, and a follower continues.
func TestARenewedAuthorityNeedsNoRestart(t *testing.T) {
	t.Parallel()
	old, fresh := authority(t, "old"), authority(t, "new")
	k := &keyring{t: t, dir: t.TempDir(), data: t.TempDir()}
	k.issue(old, "etcd")
	k.issue(old, "h1")
	k.trust("etcd", old.Certificate)
	k.trust("h1", old.Certificate)
	k.restart()
	t.Cleanup(func() { k.etcd.Close() })
	c, err := Open(t.Context(), Config{Endpoints: k.etcd.Endpoints(), TLS: k.files("h1"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	o := observe(t, c, FollowerConfig{Prefixes: []Prefix{AllPrefix()}})
	works := func(what string) {
		t.Helper()
		k.restart()
		deadline := testContext(t)
		for { // after the outage the connection waits before the next try
			tx := NewTxn()
			tx.Put(ParseKey("event/x"), []byte(what))
			rev, _, err := c.Commit(deadline, tx)
			if err == nil {
				o.until(t, rev)
				return
			}
			if deadline.Err() != nil {
				t.Fatalf("%s: %v", what, err)
			}
		}
	}
	works("as it was")
	k.trust("etcd", old.Certificate, fresh.Certificate)
	k.trust("h1", old.Certificate, fresh.Certificate)
	works("both are trusted")
	k.issue(fresh, "etcd")
	works("etcd's certificate is of the new authority")
	k.issue(fresh, "h1")
	works("the client's certificate, too")
	k.trust("etcd", fresh.Certificate)
	k.trust("h1", fresh.Certificate)
	works("only the new one is trusted")
	k.trust("h1", []byte("half a fi"))
	works("a file that is being written")

	k.trust("h1", fresh.Certificate)
	works("the file is whole again")
	k.issue(old, "etcd")
	k.restart()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, _, err := c.Get(ctx, ParseKey("event/x")); err == nil {
		t.Error("an etcd with a certificate of the authority that is trusted no longer was believed")
	}
	k.issue(fresh, "etcd")
	works("an etcd that is believed again")
}

func authority(t *testing.T, name string) *pki.Authority {
	t.Helper()
	a, err := pki.New(name, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
