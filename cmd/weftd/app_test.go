package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weft/etcdschema/pki"
)

// TestCertificateForAnotherNode: weftd must refuse the certificate, because etcd would refuse every key without a reason.
func TestCertificateForAnotherNode(t *testing.T) {
	t.Parallel()
	authority, err := pki.New("test", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.Client("h1", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, data := range map[string][]byte{cert: pair.Certificate, key: pair.Key} {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	weftd := app()
	weftd.Writer, weftd.ErrWriter = io.Discard, io.Discard
	err = weftd.RunContext(t.Context(), []string{"weftd", "--node", "h2", "--etcd-cert", cert, "--etcd-key", key, "--state-dir", dir})
	if err == nil || !strings.Contains(err.Error(), `is for "h1": set --node`) {
		t.Errorf("%v, expected that the certificate is for h1", err)
	}
}
