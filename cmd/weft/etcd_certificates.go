package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"weft/etcdschema/pki"
)

// authorityFile is the name of the authority's own files.
const authorityFile = "ca"

// defaultLifetime is how long certificates are valid. It is long enough to be no monthly task, and short enough that renewing is
// practised.
const defaultLifetime = 365 * 24 * time.Hour

func etcdCertificatesCommand(s streams) *cli.Command {
	return command(cli.Command{
		Name:  "certificates",
		Usage: "make a certificate authority and the certificates of etcd, hosts, controllers and people",
		Description: "For an etcd of one's own; an installation that has an authority already needs none of this. DIR/ca.crt is for\n" +
			"everybody (--etcd-ca), DIR/ca.key for nobody but whoever makes certificates. What is there already is left alone, but for\n" +
			"those named again with --renew.",
		UsageText: "weft etcd certificates --dir DIR [--server NAME=ADDRESS,…]… [--client NAME]… [--lifetime 8760h] [--renew]",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "dir", Required: true, Usage: "keep them in `DIR`"},
			// Addresses are separated by commas. The library would split there and read the rest as the next certificate.
			&cli.GenericFlag{Name: "server", Value: &textList{}, Usage: "an etcd member's certificate: `NAME=ADDRESS,…`, the addresses and DNS names that clients and members dial; may be repeated"},
			&cli.StringSliceFlag{Name: "client", Usage: "a client's certificate: its `NAME` is its user (a host's is its node's name); may be repeated"},
			&cli.DurationFlag{Name: "lifetime", Value: defaultLifetime, Usage: "how long new certificates hold"},
			&cli.BoolFlag{Name: "renew", Usage: "make the named certificates anew, with the same authority"},
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			o := certificateOrder{dir: c.String("dir"), clients: c.StringSlice("client"), lifetime: c.Duration("lifetime"), renew: c.Bool("renew")}
			for _, server := range *c.Generic("server").(*textList) {
				name, hosts, ok := strings.Cut(server, "=")
				if !ok || hosts == "" {
					return fmt.Errorf("--server %q: expected NAME=ADDRESS,…: a certificate without addresses is trusted by nobody", server)
				}
				o.servers = append(o.servers, serverOrder{name, strings.Split(hosts, ",")})
			}
			return o.make(s.out)
		},
	})
}

// textList is a flag that may be repeated and whose values may contain commas.
type textList []string

// Set implements cli.Generic.
func (l *textList) Set(value string) error { *l = append(*l, value); return nil }

// String implements cli.Generic.
func (l *textList) String() string { return strings.Join(*l, " ") }

// certificateOrder is what is asked for.
type certificateOrder struct {
	dir      string
	servers  []serverOrder
	clients  []string
	lifetime time.Duration
	renew    bool
}

type serverOrder struct {
	name  string
	hosts []string
}

// make writes the missing files and prints what it did with each.
func (o certificateOrder) make(out io.Writer) error {
	if o.lifetime < time.Hour {
		return fmt.Errorf("--lifetime %s: give at least 1h: clocks differ", o.lifetime)
	}
	names := append(slices.Clone(o.clients), authorityFile)
	for _, s := range o.servers {
		names = append(names, s.name)
	}
	slices.Sort(names)
	for i, n := range names {
		if i > 0 && n == names[i-1] {
			return fmt.Errorf("%q names two certificates: each needs a name of its own, and %q is the authority's", n, authorityFile)
		}
	}
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return err
	}
	authority, err := o.authority(out)
	if err != nil {
		return err
	}
	for _, s := range o.servers {
		if err := o.issue(out, s.name, func() (pki.Pair, error) { return authority.Server(s.name, s.hosts, o.lifetime) }); err != nil {
			return err
		}
	}
	for _, name := range o.clients {
		if err := o.issue(out, name, func() (pki.Pair, error) { return authority.Client(name, o.lifetime) }); err != nil {
			return err
		}
	}
	return nil
}

// authority is the certificate authority of the directory. It is made if there is none. Its own certificate is valid ten times as long as
// the others.
func (o certificateOrder) authority(out io.Writer) (*pki.Authority, error) {
	certificate, err := os.ReadFile(filepath.Join(o.dir, authorityFile+".crt"))
	if errors.Is(err, fs.ErrNotExist) {
		authority, err := pki.New("Weft's etcd", 10*o.lifetime)
		if err != nil {
			return nil, err
		}
		return authority, o.write(out, authorityFile, authority.Pair, created)
	}
	if err != nil {
		return nil, err
	}
	key, err := os.ReadFile(filepath.Join(o.dir, authorityFile+".key"))
	if err != nil {
		return nil, fmt.Errorf("the authority's key: %w: certificates are made where it is kept", err)
	}
	return pki.Parse(pki.Pair{Certificate: certificate, Key: key})
}

func (o certificateOrder) issue(out io.Writer, name string, sign func() (pki.Pair, error)) error {
	did := created
	if _, err := os.Stat(filepath.Join(o.dir, name+".crt")); err == nil {
		if !o.renew {
			fmt.Fprintf(out, "%s %s\n", filepath.Join(o.dir, name+".crt"), unchanged)
			return nil
		}
		did = configured
	}
	pair, err := sign()
	if err != nil {
		return err
	}
	return o.write(out, name, pair, did)
}

func (o certificateOrder) write(out io.Writer, name string, pair pki.Pair, did outcome) error {
	file, _, err := pair.Write(o.dir, name)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s %s\n", file, did)
	return nil
}
