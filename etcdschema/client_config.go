package etcdschema

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
)

const (
	// DefaultDialTimeout bounds the authentication of a client that names a user.
	DefaultDialTimeout = 5 * time.Second
	// RequestTimeout bounds every request whose context has no earlier deadline.
	RequestTimeout = 5 * time.Second

	// A silent connection is closed after the sum of the two. gRPC servers refuse pings that come more often than every 5 s (etcd's
	// grpc-keepalive-min-time). gRPC clients never send them more often than every 10 s.
	keepAliveTime    = 10 * time.Second
	keepAliveTimeout = 5 * time.Second

	// maxReceiveBytes bounds one answer of etcd. A list then asks for smaller pages. Watches are fragmented far below it.
	maxReceiveBytes = 64 << 20

	// unaryTries lets etcd's client fetch a new token. It must not retry for other reasons, because link does that.
	unaryTries = 2

	// gRPC's own bound of 120 s would leave a host without etcd for two minutes after an outage.
	reconnectFirst = 100 * time.Millisecond
	reconnectLast  = 5 * time.Second
)

// Config says how to reach an etcd.
type Config struct {
	// Endpoints are URLs ("https://etcd1:2379", "unix:///run/etcd.sock").
	Endpoints []string
	// Root is the root of all keys; DefaultRoot when empty. It begins with a slash and does not end with one.
	Root string
	TLS  TLSConfig
	// Username and Password are for people without a certificate. With a certificate its common name is the user.
	Username, Password string
	DialTimeout        time.Duration // DefaultDialTimeout when 0
	Logger             *slog.Logger  // slog.Default() when nil

	receiveBytes int // overrides maxReceiveBytes in tests
}

// TLSConfig names PEM files. All of them are read again at every handshake, so that a renewed certificate or CA needs no restart.
// Renew a CA in two steps: first a file with the old and the new one, later a file with the new one.
type TLSConfig struct{ CertFile, KeyFile, CAFile string }

// CommonName is the common name of the client certificate, which etcd takes as the user. It is empty without a certificate.
func (c TLSConfig) CommonName() (string, error) {
	if c.CertFile == "" {
		return "", nil
	}
	data, err := os.ReadFile(c.CertFile)
	if err != nil {
		return "", err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return "", fmt.Errorf("%s: no PEM certificate", c.CertFile)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", fmt.Errorf("%s: %w", c.CertFile, err)
	}
	return cert.Subject.CommonName, nil
}

// Client is a connection to the etcd of one region. Its methods may be called from several goroutines.
type Client struct {
	config Config
	root   string     // root and layout, ending in a slash
	tls    *reloading // nil without TLS
	etcd   *link
	log    *slog.Logger
	// members are shared by all connections of the client.
	members *members
}

// Open makes a client. It does not wait for etcd, unless Username is set: then it must fetch a token. An error means that the
// configuration is wrong.
func Open(ctx context.Context, c Config) (*Client, error) {
	if len(c.Endpoints) == 0 {
		return nil, errors.New("etcd: no endpoints: give at least one, e.g. https://127.0.0.1:2379")
	}
	if c.Root == "" {
		c.Root = DefaultRoot
	}
	if !strings.HasPrefix(c.Root, "/") || strings.HasSuffix(c.Root, "/") {
		return nil, fmt.Errorf("etcd: root %q: expected a path such as %q, without a slash at the end", c.Root, DefaultRoot)
	}
	if c.DialTimeout == 0 {
		c.DialTimeout = DefaultDialTimeout
	}
	if c.receiveBytes == 0 {
		c.receiveBytes = maxReceiveBytes
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	cl := &Client{config: c, root: c.Root + "/" + Layout + "/", log: c.Logger}
	if c.TLS != (TLSConfig{}) {
		var err error
		if cl.tls, err = newReloading(c.TLS, c.Logger); err != nil {
			return nil, fmt.Errorf("etcd: TLS: %w", err)
		}
	}
	cl.members = newMembers(c.Endpoints, c.Logger)
	var err error
	if cl.etcd, err = cl.connect(ctx); err != nil {
		return nil, err
	}
	return cl, nil
}

// connect makes another connection to the same etcd. It does not end with ctx; Close ends it.
func (c *Client) connect(ctx context.Context, options ...grpc.DialOption) (*link, error) {
	l := newLink(c.members, c.root+"_")
	options = append(options, l.options()...)
	options = append(options, grpc.WithConnectParams(grpc.ConnectParams{
		Backoff:           backoff.Config{BaseDelay: reconnectFirst, Multiplier: 1.6, Jitter: 0.5, MaxDelay: reconnectLast},
		MinConnectTimeout: c.config.DialTimeout,
	}))
	config := clientv3.Config{
		Context:               context.WithoutCancel(ctx),
		Endpoints:             c.config.Endpoints,
		Username:              c.config.Username,
		Password:              c.config.Password,
		DialTimeout:           c.config.DialTimeout,
		DialKeepAliveTime:     keepAliveTime,
		DialKeepAliveTimeout:  keepAliveTimeout,
		MaxCallRecvMsgSize:    c.config.receiveBytes,
		MaxUnaryRetries:       unaryTries,
		BackoffWaitBetween:    50 * time.Millisecond,
		BackoffJitterFraction: 0.5,
		DialOptions:           options,
		Logger:                zap.NewNop(), // important failures come back as errors and are logged there
	}
	if c.tls != nil {
		config.TLS = c.tls.config() // tells the client to use TLS
		if !slices.ContainsFunc(c.config.Endpoints, func(e string) bool { return !encrypted(e) }) {
			config.DialOptions = append(config.DialOptions, grpc.WithTransportCredentials(c.tls))
		}
	}
	cl, err := clientv3.New(config)
	if err != nil {
		return nil, fmt.Errorf("etcd %s: %w", strings.Join(c.config.Endpoints, ","), err)
	}
	l.made(cl)
	return l, nil
}

// Close ends the connection. Followers, leaderships and kept leases have connections of their own. They end with their contexts.
func (c *Client) Close() error { return c.etcd.Close() }

// Root is the root of all keys, without the layout.
func (c *Client) Root() string { return c.config.Root }

// Etcd is etcd's own client, for tools that need a call which this package does not have. Its keys include root and layout.
func (c *Client) Etcd() *clientv3.Client { return c.etcd.Client }

// FullKey is the key as etcd stores it, with root and layout. People type it for etcdctl.
func (c *Client) FullKey(k Key) string { return c.root + k.path }

// FullPrefix is the prefix as etcd stores it, with root and layout.
func (c *Client) FullPrefix(p Prefix) string { return c.root + p.path }

func withDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, RequestTimeout)
}

// dialTarget turns the target that gRPC gives to a dialer into a network and an address.
func dialTarget(target string) (network, address string) {
	for _, scheme := range []string{"unix://", "unix:"} {
		if path, ok := strings.CutPrefix(target, scheme); ok {
			return "unix", path
		}
	}
	return "tcp", target
}
