package service

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/urfave/cli/v2"
)

// Metrics says where a Prometheus on another machine reads the metrics. Nothing else is served there, so any address is allowed.
type Metrics struct {
	// Listen is an address with port ("192.0.2.10:9470", ":9470"); empty for nowhere.
	Listen string
	// CertFile and KeyFile are PEM files. If they are given, the listener uses TLS. They are read at every handshake, so that a renewed
	// certificate needs no restart.
	CertFile, KeyFile string
}

// MetricsFlags are the flags of the metrics listener, each with an environment variable WEFT_….
func MetricsFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "metrics-listen", EnvVars: []string{"WEFT_METRICS_LISTEN"},
			Usage: "where /metrics alone is served to a Prometheus on another machine: ADDRESS:PORT, or empty for nowhere"},
		&cli.StringFlag{Name: "metrics-cert", EnvVars: []string{"WEFT_METRICS_CERT"}, Usage: "PEM file of the certificate that is shown there; plain HTTP without one"},
		&cli.StringFlag{Name: "metrics-key", EnvVars: []string{"WEFT_METRICS_KEY"}, Usage: "PEM file of its key"},
	}
}

// MetricsOf reads the flags.
func MetricsOf(c *cli.Context) Metrics {
	return Metrics{Listen: c.String("metrics-listen"), CertFile: c.String("metrics-cert"), KeyFile: c.String("metrics-key")}
}

// listenMetrics opens the listener; nil when there is none to open. Its errors name the flag.
func listenMetrics(m Metrics) (net.Listener, error) {
	if (m.CertFile == "") != (m.KeyFile == "") {
		return nil, errors.New("--metrics-cert and --metrics-key: one needs the other: give both, or none for plain HTTP")
	}
	if m.Listen == "" {
		if m.CertFile != "" {
			return nil, errors.New("--metrics-cert: nothing listens: give --metrics-listen too")
		}
		return nil, nil
	}
	var config *tls.Config
	if m.CertFile != "" {
		read := func() (*tls.Certificate, error) {
			cert, err := tls.LoadX509KeyPair(m.CertFile, m.KeyFile)
			return &cert, err
		}
		if _, err := read(); err != nil {
			return nil, fmt.Errorf("--metrics-cert, --metrics-key: %w", err)
		}
		config = &tls.Config{MinVersion: tls.VersionTLS12,
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return read() }}
	}
	l, err := net.Listen("tcp", m.Listen)
	if err != nil {
		return nil, fmt.Errorf("--metrics-listen: %w", err)
	}
	if config != nil {
		return tls.NewListener(l, config), nil
	}
	return l, nil
}
