package pki

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"testing"
	"time"
)

func TestCertificatesServeOrAskAndNothingElse(t *testing.T) {
	t.Parallel()
	ca, err := New("test", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(ca.Pair)
	if err != nil {
		t.Fatal(err)
	}
	server, err := again.Server("etcd", []string{"127.0.0.1", "::1", "etcd.example"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	client, err := ca.Client("h1", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca.Certificate)
	for _, tc := range []struct {
		name string
		pair Pair
		host string
		use  x509.ExtKeyUsage
		ok   bool
	}{
		{"server by address", server, "127.0.0.1", x509.ExtKeyUsageServerAuth, true},
		{"server by IPv6 address", server, "::1", x509.ExtKeyUsageServerAuth, true},
		{"server by name", server, "etcd.example", x509.ExtKeyUsageServerAuth, true},
		{"server elsewhere", server, "127.0.0.2", x509.ExtKeyUsageServerAuth, false},
		{"server as client", server, "", x509.ExtKeyUsageClientAuth, false},
		{"client", client, "", x509.ExtKeyUsageClientAuth, true},
		{"client as server", client, "", x509.ExtKeyUsageServerAuth, false},
	} {
		pair, err := tls.X509KeyPair(tc.pair.Certificate, tc.pair.Key)
		if err != nil {
			t.Fatal(err)
		}
		_, err = pair.Leaf.Verify(x509.VerifyOptions{DNSName: tc.host, Roots: roots, KeyUsages: []x509.ExtKeyUsage{tc.use}})
		if (err == nil) != tc.ok {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

func TestWriteGuardsTheKey(t *testing.T) {
	t.Parallel()
	ca, err := New("test", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	_, key, err := ca.Write(t.TempDir(), "ca")
	if err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(key)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", st, err)
	}
	for _, name := range []string{"", ".", "..", "../ca", "a/b", "/etc/ca"} {
		if _, _, err := ca.Write(t.TempDir(), name); err == nil {
			t.Errorf("%q was taken as a file name", name)
		}
	}
	if _, err := ca.Client("", time.Hour); err == nil {
		t.Error("a certificate without a name was issued")
	}
	if _, err := Parse(Pair{Certificate: ca.Certificate, Key: []byte("x")}); err == nil {
		t.Error("a broken key was read")
	}
}
