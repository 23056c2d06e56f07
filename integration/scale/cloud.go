package scale

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"weft/etcdschema"
	"weft/integration/testbed"
	"weft/model"
)

const (
	// patience bounds every wait. A longer wait is an error.
	patience = 10 * time.Minute
	// quiet is how long the controllers must write nothing to count as done.
	quiet = 300 * time.Millisecond
	// writeTimeout bounds one transaction of intent.
	writeTimeout = 30 * time.Second
)

// Config is the configuration of a cloud.
type Config struct {
	// Binaries is the folder that holds weft and weft-controller; see testbed.Build.
	Binaries string
	// Hosts is the number of simulated hosts.
	Hosts int
}

// Cloud is a region without kernels. Its methods are called one after the other.
type Cloud struct {
	conf        Config
	testbed     *testbed.Testbed
	client      *etcdschema.Client
	watch       *observer
	hosts       []*host
	controllers []*testbed.Process // those that run
	running     errgroup.Group
	stop        context.CancelFunc
	closing     sync.Once

	peers int  // ports of the routed network so far
	more  int  // ports declared one by one so far
	idle  rate // processor time of controllers and etcd when nothing is done
}

// New starts etcd, a controller and the hosts, and returns when all hosts follow their node configs.
func New(ctx context.Context, conf Config) (*Cloud, error) {
	b, err := testbed.New(ctx, testbed.Config{Binaries: conf.Binaries, EtcdSocket: true})
	if err != nil {
		return nil, err
	}
	c := &Cloud{conf: conf, testbed: b, client: b.Etcd().Client(), watch: newObserver()}
	ctx, c.stop = context.WithCancel(ctx)
	if err := c.build(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Cloud) build(ctx context.Context) error {
	c.running.Go(func() error { return c.watch.follow(ctx, c.client) })
	if err := c.AddController("c1"); err != nil {
		return err
	}
	if err := c.put(ctx, c.infrastructure()); err != nil {
		return err
	}
	for i := range c.conf.Hosts {
		client, err := etcdschema.Open(ctx, etcdschema.Config{Endpoints: []string{c.testbed.Etcd().Endpoint()},
			Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			return err
		}
		h := newHost(hostName(i), client)
		c.hosts = append(c.hosts, h)
		c.running.Go(func() error { return errors.Join(h.run(ctx), client.Close()) })
	}
	if err := c.awaitHosts(ctx); err != nil {
		return err
	}
	return c.settle(ctx)
}

// awaitHosts waits until all hosts have read their node configs.
func (c *Cloud) awaitHosts(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, h := range c.hosts {
		select {
		case <-h.synced:
		case <-ctx.Done():
			return fmt.Errorf("%s has not read its node config: %w", h.config.node, ctx.Err())
		}
	}
	return nil
}

// Close ends everything and removes it. It may be called again, and then does nothing.
func (c *Cloud) Close() (err error) {
	c.closing.Do(func() {
		c.stop()
		err = errors.Join(c.running.Wait(), c.testbed.Close())
	})
	return err
}

// AddController starts one more replica.
func (c *Cloud) AddController(name string) error {
	p, err := c.testbed.AddController(name)
	if err == nil {
		c.controllers = append(c.controllers, p)
	}
	return err
}

// Torn is the number of hosts whose node config does not match its head. While nothing is written, all must match.
func (c *Cloud) Torn() (n int) {
	for _, h := range c.hosts {
		if !h.whole() {
			n++
		}
	}
	return n
}

// put writes intent, with as many objects in a transaction as fit.
func (c *Cloud) put(ctx context.Context, objects []model.Object) error {
	for from := 0; from < len(objects); from += etcdschema.MaxTxnOps {
		t := etcdschema.NewTxn()
		for _, o := range objects[from:min(from+etcdschema.MaxTxnOps, len(objects))] {
			t.Put(etcdschema.Intent(o.ID()), o)
		}
		if err := c.commit(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cloud) commit(ctx context.Context, t *etcdschema.Txn) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	_, ok, err := c.client.Commit(ctx, t)
	if err != nil || !ok {
		return fmt.Errorf("write intent: committed %v: %w", ok, err)
	}
	return nil
}

// settle waits until the controllers have written nothing for a while.
func (c *Cloud) settle(ctx context.Context) error { return c.settleFor(ctx, quiet) }

func (c *Cloud) settleFor(ctx context.Context, still time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		left := still - time.Since(c.watch.lastWrite())
		if left <= 0 {
			return nil
		}
		select {
		case <-time.After(left):
		case <-ctx.Done():
			return fmt.Errorf("waited for the controllers to have nothing to write: %w", ctx.Err())
		}
	}
}
