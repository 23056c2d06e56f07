package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"weft/hostnet/object"
	"weft/integration/scale"
	"weft/model"
)

const (
	askingPorts   = 100 // guests that ask the metadata service at the same time
	askingTime    = 5 * time.Second
	askedDocument = "/openstack/latest/meta_data.json"
)

// metadata measures (o): the metadata service, in a cloud of its own.
func (b *bench) metadata(ctx context.Context) error {
	if !strings.Contains(b.only, "o") {
		return nil
	}
	var err error
	if b.cloud, err = newCloud(ctx, b.conf); err != nil {
		return err
	}
	return errors.Join(b.askMetadata(ctx), b.cloud.close())
}

func (b *bench) askMetadata(ctx context.Context) error {
	c := b.cloud
	guests, err := c.askingGuests(ctx)
	if err != nil {
		return err
	}
	if err := c.settle(ctx); err != nil {
		return err
	}
	before, _, err := scale.Memory(c.host.Weftd.Pid())
	if err != nil {
		return err
	}
	for _, g := range guests {
		if err := g.ask(ctx); err != nil {
			return err
		}
	}
	after, _, err := scale.Memory(c.host.Weftd.Pid())
	if err != nil {
		return err
	}
	b.table.add(row{what: "(o) metadata: memory for 100 guests that asked", ports: askingPorts, value: fmt.Sprintf("%.1f MiB", float64(after-before)/1024)})
	times, took, err := askAll(ctx, guests)
	if err != nil {
		return err
	}
	b.table.add(row{what: "(o) metadata: one request", ports: askingPorts, p50: times.p50(), p99: times.p99()})
	b.table.add(row{what: "(o) metadata: requests", ports: askingPorts, value: fmt.Sprintf("%.0f/s", float64(len(times))/took.Seconds())})
	return nil
}

// askingGuest is the far end of a port's device, with an HTTP client on it.
type askingGuest struct{ client *http.Client }

// ask makes one request.
func (g askingGuest) ask(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://metadata"+askedDocument, nil)
	if err != nil {
		return err
	}
	answer, err := g.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", askedDocument, answer.Status)
	}
	return nil
}

// askingGuests makes ports whose guests can ask: their devices have the ports' MACs, and link-local addresses.
func (c *cloud) askingGuests(ctx context.Context) (guests []askingGuest, err error) {
	devices, err := c.devices(ctx, askingPorts)
	if err != nil {
		return nil, err
	}
	var objects []model.Object
	var setup []string
	for i, d := range devices {
		mac := model.MAC{0x02, 0, 0, 0, 1, byte(i)}
		o := port("asking-"+d, measured, hostMain, d)
		o.Spec.(*model.PortSpec).MAC = mac
		objects = append(objects, o)
		far := farEnd(d)
		setup = append(setup, fmt.Sprintf("link set %s address %s", far, mac), fmt.Sprintf("addr add fe80::1:%x/64 dev %s nodad", i, far))
		if err := c.farEnds.Sysctl("net/ipv6/conf/"+far+"/disable_ipv6", "0"); err != nil {
			return nil, err
		}
		guests = append(guests, askingGuest{&http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: c.dialer(far)}}})
	}
	if err := c.farEnds.IPs(ctx, setup...); err != nil {
		return nil, err
	}
	if _, err := c.put(ctx, objects...); err != nil {
		return nil, err
	}
	for _, o := range objects {
		if _, _, err := c.journal.awaitProgrammed(ctx, hostMain, project, o.Metadata.Name, 0); err != nil {
			return nil, err
		}
	}
	return guests, nil
}

// farEnd is the guest's end of a device made by devices.
func farEnd(device string) string { return "far" + strings.TrimPrefix(device, "tap") }

// dialer connects to the service out of a device of the guests' namespace.
func (c *cloud) dialer(far string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (conn net.Conn, err error) {
		err = c.farEnds.Do(func() error {
			link, err := net.InterfaceByName(far)
			if err != nil {
				return err
			}
			at := net.JoinHostPort(object.MetadataIPv6.String()+"%"+strconv.Itoa(link.Index), strconv.Itoa(int(object.MetadataPort)))
			conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", at)
			return err
		})
		return conn, err
	}
}

// askAll has all guests ask at the same time, each one request after the other.
func askAll(ctx context.Context, guests []askingGuest) (all series, took time.Duration, err error) {
	began := time.Now()
	times, errs := make([]series, len(guests)), make([]error, len(guests))
	var wait sync.WaitGroup
	for i, g := range guests {
		wait.Go(func() {
			for time.Since(began) < askingTime && errs[i] == nil {
				asked := time.Now()
				errs[i] = g.ask(ctx)
				times[i] = append(times[i], time.Since(asked))
			}
		})
	}
	wait.Wait()
	for _, one := range times {
		all = append(all, one...)
	}
	return all, time.Since(began), errors.Join(errs...)
}
