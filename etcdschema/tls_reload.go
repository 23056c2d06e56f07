package etcdschema

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"google.golang.org/grpc/credentials"
)

// reloading are TLS credentials whose files are read at every handshake: certificate and key, and the authorities that
// are trusted. While a file cannot be read, or holds no certificate, what was read last counts.
type reloading struct {
	credentials.TransportCredentials // of the first read: for what says nothing of files
	info                             transport.TLSInfo
	last                             *atomic.Pointer[tls.Config]
	log                              *slog.Logger
}

func newReloading(files TLSConfig, log *slog.Logger) (*reloading, error) {
	r := &reloading{
		info: transport.TLSInfo{CertFile: files.CertFile, KeyFile: files.KeyFile, TrustedCAFile: files.CAFile},
		last: &atomic.Pointer[tls.Config]{}, log: log,
	}
	config, err := r.read()
	if err != nil {
		return nil, err
	}
	r.last.Store(config)
	r.TransportCredentials = credentials.NewTLS(config)
	return r, nil
}

func (r *reloading) read() (*tls.Config, error) {
	config, err := r.info.ClientConfig()
	if err == nil && r.info.TrustedCAFile != "" && config.RootCAs.Equal(x509.NewCertPool()) {
		return nil, fmt.Errorf("%s holds no certificate of an authority, in PEM", r.info.TrustedCAFile)
	}
	return config, err
}

// config is what the files say now, or said last.
func (r *reloading) config() *tls.Config {
	config, err := r.read()
	if err != nil {
		r.log.Warn("TLS files for etcd cannot be read, those read before are used", "error", err)
		return r.last.Load()
	}
	r.last.Store(config)
	return config
}

// ClientHandshake implements credentials.TransportCredentials.
func (r *reloading) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return credentials.NewTLS(r.config()).ClientHandshake(ctx, authority, conn)
}

// Clone implements credentials.TransportCredentials.
func (r *reloading) Clone() credentials.TransportCredentials {
	c := *r
	c.TransportCredentials = r.TransportCredentials.Clone()
	return &c
}

// encrypted says that the endpoint is spoken to with TLS. etcd's client speaks plainly where the URL says http, whatever
// certificates there are.
func encrypted(endpoint string) bool { return !strings.HasPrefix(endpoint, "http://") }
