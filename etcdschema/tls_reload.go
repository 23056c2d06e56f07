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

// reloading are TLS credentials that read their files at every handshake: certificate, key and trusted CAs. While a file cannot be
// read or holds no certificate, they use what was read last.
type reloading struct {
	credentials.TransportCredentials // of the first read: for methods that need no files
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

// config is the content of the files now, or as read last.
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

// encrypted says that the client uses TLS with the endpoint. etcd's client uses no TLS where the URL says http, even if there are
// certificates.
func encrypted(endpoint string) bool { return !strings.HasPrefix(endpoint, "http://") }
