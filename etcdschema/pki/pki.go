// Package pki is a small certificate authority for an etcd of your own: for development, tests and small installations.
//
// Invariants:
//
//   - Keys are ECDSA P-256.
//   - A server's certificate is for servers only, a client's certificate for clients only.
//   - The common name of a client's certificate is its etcd user.
//   - Private keys are readable by their owner only.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// clockSkew is how much clocks may differ without a fresh certificate being refused as not yet valid.
const clockSkew = 5 * time.Minute

// Pair is a certificate with its key, both PEM.
type Pair struct{ Certificate, Key []byte }

// Authority signs certificates.
type Authority struct {
	Pair
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// New makes an authority with a fresh key.
func New(name string, lifetime time.Duration) (*Authority, error) {
	template := x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("authority %s: %w", name, err)
	}
	pair, err := sign(&template, key, &template, key, lifetime)
	if err != nil {
		return nil, fmt.Errorf("authority %s: %w", name, err)
	}
	return Parse(pair)
}

// Parse reads an authority that New made.
func Parse(p Pair) (*Authority, error) {
	certificate, err := decode(p.Certificate, "CERTIFICATE", x509.ParseCertificate)
	if err != nil {
		return nil, fmt.Errorf("authority's certificate: %w", err)
	}
	key, err := decode(p.Key, "EC PRIVATE KEY", x509.ParseECPrivateKey)
	if err != nil {
		return nil, fmt.Errorf("authority's key: %w", err)
	}
	if !certificate.IsCA {
		return nil, errors.New("authority's certificate: it is not one of an authority")
	}
	return &Authority{p, certificate, key}, nil
}

func decode[T any](data []byte, kind string, parse func([]byte) (T, error)) (T, error) {
	block, _ := pem.Decode(data)
	if block == nil || block.Type != kind {
		var zero T
		return zero, fmt.Errorf("expected a PEM block %q", kind)
	}
	return parse(block.Bytes)
}

// Server issues a server's certificate for the hosts: the IP addresses and DNS names that clients use.
func (a *Authority) Server(commonName string, hosts []string, lifetime time.Duration) (Pair, error) {
	template := x509.Certificate{
		Subject:     pkix.Name{CommonName: commonName},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	return a.issue(&template, lifetime)
}

// Client issues a client's certificate. commonName is the etcd user; for a node it is the node's name.
func (a *Authority) Client(commonName string, lifetime time.Duration) (Pair, error) {
	return a.issue(&x509.Certificate{
		Subject:     pkix.Name{CommonName: commonName},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, lifetime)
}

func (a *Authority) issue(template *x509.Certificate, lifetime time.Duration) (Pair, error) {
	name := template.Subject.CommonName
	if name == "" {
		return Pair{}, errors.New("certificate: the common name is missing")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, fmt.Errorf("certificate %s: %w", name, err)
	}
	pair, err := sign(template, key, a.certificate, a.key, lifetime)
	if err != nil {
		return Pair{}, fmt.Errorf("certificate %s: %w", name, err)
	}
	return pair, nil
}

func sign(template *x509.Certificate, key *ecdsa.PrivateKey, parent *x509.Certificate, by *ecdsa.PrivateKey, lifetime time.Duration) (Pair, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return Pair{}, err
	}
	template.SerialNumber = serial
	template.NotBefore = time.Now().Add(-clockSkew)
	template.NotAfter = time.Now().Add(lifetime)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		return Pair{}, err
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return Pair{}, err
	}
	return Pair{
		Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:         pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}),
	}, nil
}

// Write writes <name>.crt and <name>.key (mode 0600) into the directory, which must exist, and returns their paths.
func (p Pair) Write(dir, name string) (certFile, keyFile string, err error) {
	if name != filepath.Base(name) || name == "." || name == ".." {
		return "", "", fmt.Errorf("certificate file %q: expected a plain file name", name)
	}
	certFile, keyFile = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	if err := os.WriteFile(keyFile, p.Key, 0o600); err != nil {
		return "", "", err
	}
	return certFile, keyFile, os.WriteFile(certFile, p.Certificate, 0o644)
}
