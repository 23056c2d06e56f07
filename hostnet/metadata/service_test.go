package metadata

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"weft/hostnet/guestconfig"
	"weft/hostnet/object"
)

// TestGuestsWithTheSameAddresses: each guest gets its own documents, by both families, at the same time. The addresses are the same.
func TestGuestsWithTheSameAddresses(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	var wait sync.WaitGroup
	for i := range 8 {
		want := fmt.Sprintf("#!/bin/sh\n# of guest %d", i)
		g := c.guest(binding(fmt.Sprintf("tap%d", i), want))
		for _, client := range []*http.Client{g.client(object.MetadataIPv4), g.client(object.MetadataIPv6)} {
			wait.Go(func() {
				for range 20 {
					if code, got := fetch(t, client, "/openstack/latest/user_data"); code != 200 || got != want {
						t.Errorf("guest %d: %d %q", i, code, got)
					}
				}
			})
		}
	}
	wait.Wait()
	if s := c.driver.Stats(); s.Requests[200] != 8*2*20 || s.Stacks != 8 {
		t.Errorf("%+v", s)
	}
}

// TestDocuments: every document and listing is served as package guestconfig makes it.
func TestDocuments(t *testing.T) {
	t.Parallel()
	b := binding("tap1", "data")
	g := newCloud(t).guest(b)
	client := g.client(object.MetadataIPv4)
	for path, want := range guestconfig.Service(guestOf(b)) {
		for _, asked := range []string{"/" + strings.TrimPrefix(path, "/"), "//" + strings.TrimSuffix(path, "/")} {
			if code, got := fetch(t, client, asked); code != 200 || got != string(want) {
				t.Errorf("%s: %d %q, want %q", asked, code, got, want)
			}
		}
	}
	for _, path := range []string{"/openstack/2099-01-01/meta_data.json", "/openstack/latest/password", "/../etc/passwd", "/latest/meta-data/..",
		"/" + strings.Repeat("a", 600)} {
		if code, _ := fetch(t, client, path); code != 404 {
			t.Errorf("%s: %d", path, code)
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodConnect} {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://169.254.169.254/latest/api/token", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != 405 {
			t.Errorf("%s: %d", method, answer.StatusCode)
		}
	}
	if s := c200(g); s != 200 {
		t.Errorf("HEAD: %d", s)
	}
}

func c200(g *testGuest) int {
	r, err := g.client(object.MetadataIPv4).Head("http://169.254.169.254/latest/user-data")
	if err != nil {
		return 0
	}
	r.Body.Close()
	if r.ContentLength != 4 {
		return int(-r.ContentLength)
	}
	return r.StatusCode
}

// TestHeadersSayNothing: no header makes the service answer for another guest.
func TestHeadersSayNothing(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.guest(binding("tap2", "of the other"))
	g := c.guest(binding("tap1", "own"))
	client := g.client(object.MetadataIPv4)
	for _, header := range []string{"X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Instance-ID", "X-Instance-ID-Signature", "X-Tenant-ID",
		"X-Neutron-Network-ID", "X-Metadata-Provider", "Host", "Authorization"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://169.254.169.254/openstack/latest/user_data", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(header, "6f0c1b1e-0000-4000-8000-000000000002")
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text := make([]byte, 100)
		n, _ := answer.Body.Read(text)
		answer.Body.Close()
		if string(text[:n]) != "own" {
			t.Errorf("with %s: %q", header, text[:n])
		}
	}
}

// TestAChangeIsServed: on the same connection, without a gap.
func TestAChangeIsServed(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	g := c.guest(binding("tap1", "one"))
	client := g.client(object.MetadataIPv4)
	if _, got := fetch(t, client, "/latest/user-data"); got != "one" {
		t.Fatalf("%q", got)
	}
	changed := binding("tap1", "two")
	changed.MTU = 1400
	c.apply(object.Update, changed)
	if _, got := fetch(t, client, "/latest/user-data"); got != "two" {
		t.Errorf("after the change: %q", got)
	}
	if s := c.driver.Stats(); s.Stacks != 1 || s.Open != 1 {
		t.Errorf("%+v, want the same connection", s)
	}
	bare := binding("tap1", "")
	c.apply(object.Update, bare)
	if code, _ := fetch(t, client, "/latest/user-data"); code != 404 {
		t.Errorf("without user data: %d", code)
	}
}

// TestARemovedBindingIsSilent: the guest gets nothing any more, not even the end of its connection, and everything of it goes.
func TestARemovedBindingIsSilent(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	b := binding("tap1", "one")
	g := c.guest(b)
	if _, got := g.get("/latest/user-data"); got != "one" {
		t.Fatalf("%q", got)
	}
	c.apply(object.Delete, b)
	eventually(t, "the end of the stack", func() bool { s := c.driver.Stats(); return s.Stacks == 0 && s.Open == 0 })
	for len(g.seen) > 0 {
		<-g.seen
	}
	ctx, cancel := context.WithTimeout(t.Context(), headTime/10)
	defer cancel()
	if conn, err := g.dial(ctx, object.MetadataIPv4); err == nil {
		conn.Close()
		t.Error("a port without binding is served")
	}
	if len(g.seen) > 0 {
		t.Errorf("the guest got %d frames", len(g.seen))
	}
}
