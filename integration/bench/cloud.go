package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"weft/etcdschema"
	"weft/integration/testbed"
	"weft/model"
)

// The bench's hosts: hostMain is filled and measured, and hostPeer is the other one.
const (
	hostMain = "h1"
	hostPeer = "h2"
)

const (
	project         = "bench"
	physicalNetwork = "physnet1"
	portsPerNetwork = 50
	measured        = "measured" // the network of the ports that are measured: it holds no others
)

// cloud is the testbed of a bench with what it was filled with.
type cloud struct {
	testbed *testbed.Testbed
	host    *testbed.Host
	journal *journal
	floor   *floor
	follows sync.WaitGroup
	stop    context.CancelFunc
	filled  int
	made    int // devices made so far, for names

	pool     int      // ports whose guests are off, which floating addresses lead to
	order    []string // of the gateway hosts
	members  int      // of the remote group of (n)
	floating int      // floating addresses declared so far, beside the measured ones

	farEnds *testbed.Namespace // of the guests' devices
}

// newCloud makes the testbed with two hosts, one controller, and the networks' intent.
func newCloud(ctx context.Context, conf testbed.Config) (*cloud, error) {
	b, err := testbed.New(ctx, conf)
	if err != nil {
		return nil, err
	}
	c := &cloud{testbed: b, journal: newJournal()}
	ctx, c.stop = context.WithCancel(ctx)
	c.follows.Go(func() { c.journal.follow(ctx, b.Etcd().Client()) })
	if err := c.build(ctx); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *cloud) build(ctx context.Context) error {
	if err := c.addFarEnds(); err != nil {
		return err
	}
	if _, err := c.testbed.AddController("c1", "--address-hold", "1s"); err != nil {
		return err
	}
	objects := []model.Object{
		declared(model.KindProject, "", project, &model.ProjectSpec{}),
		declared(model.KindPhysicalNetwork, "", physicalNetwork, &model.PhysicalNetworkSpec{
			VLANRanges: []model.VLANRange{{Minimum: 100, Maximum: 999}}}),
	}
	for _, h := range []string{hostMain, hostPeer} {
		objects = append(objects, declared(model.KindHost, "", h, &model.HostSpec{
			PhysicalNetworks: []model.HostPhysicalNetwork{{Name: physicalNetwork, Interface: "eth1"}}}))
	}
	objects = append(objects, network(measured, 200))
	if _, err := c.put(ctx, objects...); err != nil {
		return err
	}
	for _, h := range []string{hostMain, hostPeer} {
		host, err := c.testbed.AddHost(h, testbed.HostOptions{})
		if err != nil {
			return err
		}
		if h == hostMain {
			c.host = host
		}
	}
	var err error
	if c.floor, err = newFloor(ctx, c.host.OVS.Dir); err != nil {
		return err
	}
	return nil
}

func (c *cloud) close() error {
	c.stop()
	if c.floor != nil {
		c.floor.close()
	}
	c.follows.Wait()
	return c.testbed.Close()
}

// declared makes an intent object.
func declared(kind model.Kind, project, name string, spec model.Spec) model.Object {
	return model.Object{APIVersion: model.APIVersion, Kind: kind,
		Metadata: model.Metadata{Project: project, Name: name}, Spec: spec}
}

// network is a network with a subnet of each family; n tells the subnets apart.
func network(name string, n int) model.Object {
	v4 := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n), 0, 0}), 16)
	v6 := netip.MustParsePrefix(fmt.Sprintf("fd00:%x::/64", n))
	return declared(model.KindNetwork, project, name, &model.NetworkSpec{
		Type: model.NetworkTypeVLAN, PhysicalNetwork: physicalNetwork,
		Subnets: []model.Subnet{{CIDR: model.Prefix{Prefix: v4}}, {CIDR: model.Prefix{Prefix: v6}}},
	})
}

// port is a port of the network on the host.
func port(name, net, host, device string) model.Object {
	return declared(model.KindPort, project, name, &model.PortSpec{Network: net, Host: host, Device: device})
}

// put writes intent, a hundred objects in each transaction, and returns the last revision.
func (c *cloud) put(ctx context.Context, objects ...model.Object) (int64, error) {
	return c.commit(ctx, len(objects), func(t *etcdschema.Txn, i int) { t.Put(etcdschema.Intent(objects[i].ID()), objects[i]) })
}

// remove deletes intent.
func (c *cloud) remove(ctx context.Context, ids ...model.ID) (int64, error) {
	return c.commit(ctx, len(ids), func(t *etcdschema.Txn, i int) { t.Delete(etcdschema.Intent(ids[i])) })
}

func (c *cloud) commit(ctx context.Context, n int, op func(*etcdschema.Txn, int)) (revision int64, err error) {
	for from := 0; from < n; from += etcdschema.MaxTxnOps {
		t := etcdschema.NewTxn()
		for i := from; i < min(from+etcdschema.MaxTxnOps, n); i++ {
			op(t, i)
		}
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		rev, ok, err := c.testbed.Etcd().Client().Commit(ctx, t)
		cancel()
		if err != nil || !ok {
			return 0, fmt.Errorf("write intent: committed %v: %w", ok, err)
		}
		revision = rev
	}
	return revision, nil
}

// addFarEnds makes the namespace of all guests. The guests send nothing, because their traffic is not measured.
func (c *cloud) addFarEnds() (err error) {
	if c.farEnds, err = c.testbed.AddNamespace("guests"); err != nil {
		return err
	}
	return c.farEnds.Sysctl("net.ipv6.conf.default.disable_ipv6", "1")
}

// devices makes veth pairs. The near ends are guests' devices on the main host. The far ends are the guests': up and silent. It returns
// the names of the near ends.
func (c *cloud) devices(ctx context.Context, n int) ([]string, error) {
	near, up, names := make([]string, n), make([]string, n), make([]string, n)
	for i := range names {
		c.made++
		names[i] = fmt.Sprintf("tap%05d", c.made)
		far := fmt.Sprintf("far%05d", c.made)
		near[i] = fmt.Sprintf("link add %s type veth peer name %s netns %s", names[i], far, c.farEnds.Name)
		up[i] = fmt.Sprintf("link set %s up", far)
	}
	if err := c.host.IPs(ctx, near...); err != nil {
		return nil, err
	}
	return names, c.farEnds.IPs(ctx, up...)
}

// unplug removes devices made by devices.
func (c *cloud) unplug(ctx context.Context, name string) error {
	return c.host.IP(ctx, "link", "delete", name)
}

// fill brings the main host to n programmed ports, portsPerNetwork on each network.
func (c *cloud) fill(ctx context.Context, n int) error {
	devices, err := c.devices(ctx, n-c.filled)
	if err != nil {
		return err
	}
	var objects []model.Object
	last := ""
	for i, d := range devices {
		k := c.filled + i
		net := fmt.Sprintf("net-%d", k/portsPerNetwork)
		if k%portsPerNetwork == 0 {
			objects = append(objects, network(net, k/portsPerNetwork))
		}
		last = fmt.Sprintf("port-%d", k)
		objects = append(objects, port(last, net, hostMain, d))
	}
	revision, err := c.put(ctx, objects...)
	if err != nil {
		return err
	}
	c.filled = n
	for i := range n {
		name := fmt.Sprintf("port-%d", i)
		if _, _, err := c.journal.awaitProgrammed(ctx, hostMain, project, name, 0); err != nil {
			return err
		}
	}
	err = c.journal.await(ctx, "the host to hold only programmed ports", func() bool {
		r := c.journal.report[hostMain]
		return r.Ports >= n && r.Exceptions == 0 && r.EtcdRevision >= revision
	})
	if err != nil {
		return fmt.Errorf("%w; the host reports %+v", err, c.journal.nodeReport(hostMain))
	}
	return nil
}
