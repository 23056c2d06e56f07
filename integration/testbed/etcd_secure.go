package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"weft/etcdschema"
	"weft/etcdschema/pki"
)

// certificateLifetime is longer than any testbed lives.
const certificateLifetime = 24 * time.Hour

// Secure replaces the etcd by an empty one with TLS. It serves only clients with a certificate of the testbed's authority. Each
// program that is started later has a certificate with its own name, and the testbed's client is root. Call it before anything else
// is started.
func (e *Etcd) Secure(ctx context.Context) error {
	if len(e.testbed.Hosts()) > 0 || e.authority != nil || e.socket != "" || len(e.members) > 0 {
		return errors.New("testbed: an etcd of one member gets its certificates once, before the first host")
	}
	authority, err := pki.New("testbed", certificateLifetime)
	if err != nil {
		return fmt.Errorf("testbed: %w", err)
	}
	dir := e.certificates()
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("testbed: certificates: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.crt"), authority.Certificate, 0o644); err != nil {
		return fmt.Errorf("testbed: certificates: %w", err)
	}
	server, err := authority.Server("etcd", []string{managementAddress, "127.0.0.1"}, certificateLifetime)
	if err != nil {
		return fmt.Errorf("testbed: %w", err)
	}
	cert, key, err := server.Write(dir, "etcd")
	if err != nil {
		return fmt.Errorf("testbed: certificates: %w", err)
	}
	if err := e.Process.Stop(); err != nil {
		return err
	}
	if err := os.RemoveAll(e.dir); err != nil {
		return fmt.Errorf("testbed: etcd: %w", err)
	}
	e.authority = authority
	e.Process.setArgs(e.dir, cert, key, filepath.Join(dir, "ca.crt"))
	files, err := e.credentials(etcdschema.RootUser)
	if err != nil {
		return err
	}
	client, err := etcdschema.Open(e.testbed.ctx, etcdschema.Config{Endpoints: []string{"https://" + e.forward.address()}, TLS: files})
	if err != nil {
		return err
	}
	old := e.client
	e.client = client
	if err := old.Close(); err != nil {
		return fmt.Errorf("testbed: etcd: %w", err)
	}
	return e.Start(ctx)
}

func (e *Etcd) certificates() string { return filepath.Join(e.testbed.Dir, "certificates") }

// credentials are the files of a user's certificate. It is issued on the first call. There are none without TLS.
func (e *Etcd) credentials(user string) (etcdschema.TLSConfig, error) {
	if e.authority == nil {
		return etcdschema.TLSConfig{}, nil
	}
	dir := e.certificates()
	files := etcdschema.TLSConfig{CertFile: filepath.Join(dir, user+".crt"), KeyFile: filepath.Join(dir, user+".key"),
		CAFile: filepath.Join(dir, "ca.crt")}
	if _, err := os.Stat(files.CertFile); err == nil {
		return files, nil
	}
	pair, err := e.authority.Client(user, certificateLifetime)
	if err == nil {
		_, _, err = pair.Write(dir, user)
	}
	if err != nil {
		return files, fmt.Errorf("testbed: certificate of %s: %w", user, err)
	}
	return files, nil
}

// flags are the flags with which a daemon reaches etcd as the user.
func (e *Etcd) flags(user string) ([]string, error) {
	files, err := e.credentials(user)
	flags := []string{"--etcd-endpoints", e.Endpoint()}
	if files.CertFile != "" {
		flags = append(flags, "--etcd-cert", files.CertFile, "--etcd-key", files.KeyFile, "--etcd-ca", files.CAFile)
	}
	return flags, err
}

// env is the environment with which weft and etcdctl reach etcd as the user.
func (e *Etcd) env(user string) ([]string, error) {
	files, err := e.credentials(user)
	env := []string{"WEFT_ENDPOINTS=" + e.Endpoint(), "HOME=" + e.testbed.Dir, "ETCDCTL_API=3", "ETCDCTL_ENDPOINTS=" + e.Endpoint()}
	if files.CertFile != "" {
		env = append(env, "WEFT_CERT="+files.CertFile, "WEFT_KEY="+files.KeyFile, "WEFT_CA="+files.CAFile,
			"ETCDCTL_CERT="+files.CertFile, "ETCDCTL_KEY="+files.KeyFile, "ETCDCTL_CACERT="+files.CAFile)
	}
	return env, err
}
