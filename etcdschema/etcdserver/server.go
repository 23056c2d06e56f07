// Package etcdserver runs an etcd inside this process, for `weft dev` and for tests. It is apart from etcdschema, because the daemons
// do not contain a server.
//
// Invariants:
//   - A server ends with Close, and with nothing else.
//   - It listens on loopback unless it is told otherwise.
package etcdserver

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/server/v3/embed"
)

// Config describes an etcd of one member inside this process, or one member of several.
type Config struct {
	Dir string // holds all data; a server started on it again continues
	// ClientURL and PeerURL are the URLs on which it listens; a free loopback port when empty. A unix:// URL works too.
	ClientURL, PeerURL string
	// TLS turns TLS on, with client certificates that CAFile must have signed. Both URLs are then https.
	TLS TLSConfig
	// Token distinguishes clusters. The cluster id is made of it and of the peer URL.
	Token string
	// Name is this member's name in Members, which has the peer URLs of all members by name. A cluster of one member needs neither.
	// Start the members of a new cluster at the same time: none is ready before more than half of them run.
	Name    string
	Members map[string]string
	// MaxTxnOps and MaxRequestBytes override etcd's limits when not 0.
	MaxTxnOps, MaxRequestBytes uint
}

// TLSConfig names PEM files: the server's certificate and key, and the CA of the clients' certificates.
type TLSConfig struct{ CertFile, KeyFile, CAFile string }

// Server is a running etcd.
type Server struct {
	etcd     *embed.Etcd
	endpoint string
}

// Start starts a server and waits until it serves, or ctx ends. The server outlives ctx; Close ends it.
func Start(ctx context.Context, c Config) (*Server, error) {
	cfg, err := c.embed()
	if err != nil {
		return nil, fmt.Errorf("embedded etcd: %w", err)
	}
	e, err := embed.StartEtcd(cfg)
	if err != nil {
		return nil, fmt.Errorf("embedded etcd in %s: %w", c.Dir, err)
	}
	select {
	case <-e.Server.ReadyNotify():
	case err := <-e.Err():
		e.Close()
		return nil, fmt.Errorf("embedded etcd in %s: %w", c.Dir, err)
	case <-ctx.Done():
		e.Close()
		return nil, fmt.Errorf("embedded etcd in %s: not ready: %w", c.Dir, ctx.Err())
	}
	at := cfg.ListenClientUrls[0]
	if at.Scheme != "unix" {
		at.Host = e.Clients[0].Addr().String()
	}
	return &Server{e, at.String()}, nil
}

// Endpoints are the URLs for a client.
func (s *Server) Endpoints() []string { return []string{s.endpoint} }

// Etcd is the server itself, for tests that cut members off from each other.
func (s *Server) Etcd() *embed.Etcd { return s.etcd }

// Close stops the server and waits until it has.
func (s *Server) Close() { s.etcd.Close() }

func (c Config) embed() (*embed.Config, error) {
	scheme := "http"
	cfg := embed.NewConfig()
	if c.TLS != (TLSConfig{}) {
		scheme = "https"
		cfg.ClientTLSInfo = transport.TLSInfo{
			CertFile: c.TLS.CertFile, KeyFile: c.TLS.KeyFile, TrustedCAFile: c.TLS.CAFile, ClientCertAuth: true,
		}
		cfg.PeerTLSInfo = cfg.ClientTLSInfo
		if len(c.Members) == 0 { // no peers: nobody may connect to the peer port, even with a valid certificate
			cfg.PeerTLSInfo.AllowedCNs = []string{"no peer has this name"}
		}
	}
	client, err := listenURL(c.ClientURL, scheme)
	if err != nil {
		return nil, err
	}
	cfg.Name = cmp.Or(c.Name, "weft")
	peer, err := listenURL(cmp.Or(c.Members[c.Name], c.PeerURL), scheme)
	if err != nil {
		return nil, err
	}
	cfg.Dir = c.Dir
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	if len(c.Members) > 0 {
		cfg.InitialCluster = initialCluster(c.Members)
	}
	if c.Token != "" {
		cfg.InitialClusterToken = c.Token
	}
	if c.MaxTxnOps != 0 {
		cfg.MaxTxnOps = c.MaxTxnOps
	}
	if c.MaxRequestBytes != 0 {
		cfg.MaxRequestBytes = c.MaxRequestBytes
	}
	cfg.AutoCompactionMode, cfg.AutoCompactionRetention = embed.CompactorModePeriodic, "1h"
	if len(c.Members) == 0 { // one member elects itself: short ticks only make the start faster
		cfg.TickMs, cfg.ElectionMs = 10, 100
	}
	cfg.EnableGRPCGateway = false // it does not know users by certificate
	// A server that is closed logs the end of its own listeners as errors. Real failures come back from Start.
	cfg.LogLevel, cfg.LogOutputs = "fatal", []string{"stderr"}
	cfg.WarningApplyDuration = time.Second
	return cfg, nil
}

// initialCluster writes the members as etcd's option initial-cluster.
func initialCluster(members map[string]string) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(members)) {
		all = append(all, name+"="+members[name])
	}
	return strings.Join(all, ",")
}

func listenURL(s, scheme string) (url.URL, error) {
	if s == "" {
		s = scheme + "://127.0.0.1:0"
	}
	u, err := url.Parse(s)
	if err != nil {
		return url.URL{}, fmt.Errorf("listen URL %q: %w", s, err)
	}
	return *u, nil
}
