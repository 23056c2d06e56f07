package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"weft/etcdschema"
	"weft/etcdschema/etcdserver"
	"weft/etcdschema/pki"
)

// Etcd is the testbed's etcd. It has one member, a process beside the controllers on the management network, or several (see Members).
type Etcd struct {
	Process *Process
	testbed *Testbed
	dir     string
	client  *etcdschema.Client
	forward *forwarder // nil with a socket
	socket  string     // the URL of the Unix socket that it listens on; empty on the management network
	// authority issues all certificates; nil without TLS.
	authority *pki.Authority
	members   []*Member // empty while there is only one
}

const etcdClientAddress = managementAddress + ":2379"

// startEtcd starts etcd and a client that reaches it from the testbed's own program.
func (b *Testbed) startEtcd() (*Etcd, error) {
	e := &Etcd{testbed: b, dir: filepath.Join(b.Dir, "etcd")}
	program := filepath.Join(b.Dir, childEtcd)
	if err := linkSelf(program); err != nil {
		return nil, err
	}
	args, endpoint := []string{e.dir}, ""
	if b.conf.EtcdSocket {
		e.socket = "unix://" + filepath.Join(b.Dir, "etcd.sock")
		args, endpoint = append(args, e.socket), e.socket
	}
	e.Process = b.process("etcd", b.ctl, nil, program, args...)
	var err error
	if e.socket == "" {
		if e.forward, err = b.forward(managementAddress + ":2379"); err != nil {
			return nil, err
		}
		b.atClose(e.forward.close)
		endpoint = "http://" + e.forward.address()
	}
	e.client, err = etcdschema.Open(b.ctx, etcdschema.Config{Endpoints: []string{endpoint}})
	if err != nil {
		return nil, err
	}
	b.atClose(func() error { return e.client.Close() })
	return e, e.Start(b.ctx)
}

// Start starts etcd on its data and waits until it answers.
func (e *Etcd) Start(ctx context.Context) error {
	if err := e.Process.Start(); err != nil {
		return err
	}
	return e.Process.alive(ctx, func() bool {
		_, _, err := e.client.Get(ctx, etcdschema.ActualNode("none"))
		return err == nil
	})
}

// Client is a client with all rights, usable from the testbed's own program.
func (e *Etcd) Client() *etcdschema.Client { return e.client }

// Endpoint is the URL inside the management network, or the URLs of all members, separated by commas, or the URL of the socket.
func (e *Etcd) Endpoint() string {
	if e.socket != "" {
		return e.socket
	}
	if len(e.members) > 0 {
		var urls []string
		for _, m := range e.members {
			urls = append(urls, "http://"+m.address)
		}
		return strings.Join(urls, ",")
	}
	if e.authority != nil {
		return "https://" + etcdClientAddress
	}
	return "http://" + etcdClientAddress
}

// Snapshot stops etcd, copies its data under the name, and starts it again.
func (e *Etcd) Snapshot(ctx context.Context, name string) error {
	if len(e.members) > 0 {
		return errors.New("testbed: only an etcd of one member is kept and put back")
	}
	if err := e.Process.Stop(); err != nil {
		return err
	}
	to := e.snapshot(name)
	if err := os.RemoveAll(to); err != nil {
		return fmt.Errorf("testbed: snapshot: %w", err)
	}
	if err := os.CopyFS(to, os.DirFS(e.dir)); err != nil {
		return fmt.Errorf("testbed: snapshot: %w", err)
	}
	return e.Start(ctx)
}

// Restore stops etcd, replaces its data by a copy that Snapshot made, as an operator restores a backup, and starts it again.
func (e *Etcd) Restore(ctx context.Context, name string) error {
	e.Process.Kill()
	if err := os.RemoveAll(e.dir); err != nil {
		return fmt.Errorf("testbed: restore: %w", err)
	}
	if err := os.CopyFS(e.dir, os.DirFS(e.snapshot(name))); err != nil {
		return fmt.Errorf("testbed: restore: %w", err)
	}
	if err := privateTree(e.dir); err != nil {
		return err
	}
	return e.Start(ctx)
}

func (e *Etcd) snapshot(name string) string {
	return filepath.Join(e.testbed.Dir, "etcd-snapshot-"+fileName(name))
}

// privateTree gives the folders of a copied data dir the mode that etcd requires.
func privateTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(path, 0o700)
		}
		return err
	})
}

// etcdMain is the child: an etcd on the folder until SIGTERM. It listens on a socket if it gets one, and uses TLS if it gets the three
// files for it.
func etcdMain(args []string) error {
	if len(args) != 1 && len(args) != 2 && len(args) != 4 {
		return errors.New("testbed: etcd needs a folder, and perhaps a socket, or certificate, key and authority")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	c := etcdserver.Config{Dir: args[0], ClientURL: "http://" + etcdClientAddress, PeerURL: "http://127.0.0.1:2380"}
	switch len(args) {
	case 2:
		c.ClientURL = args[1]
	case 4:
		c.TLS = etcdserver.TLSConfig{CertFile: args[1], KeyFile: args[2], CAFile: args[3]}
		c.ClientURL, c.PeerURL = "https://"+etcdClientAddress, "https://127.0.0.1:2380"
	}
	e, err := etcdserver.Start(ctx, c)
	if err != nil {
		return err
	}
	<-ctx.Done()
	e.Close()
	return nil
}
