package metadata

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"weft/hostnet/object"
)

// bound sets other bounds, before anything is served.
func (c *cloud) bound(b bounds) *cloud {
	c.driver.pool.mu.Lock()
	defer c.driver.pool.mu.Unlock()
	c.driver.pool.bounds = b
	return c
}

func (g *testGuest) mustDial() net.Conn {
	g.cloud.t.Helper()
	conn, err := g.dial(g.cloud.t.Context(), object.MetadataIPv4)
	if err != nil {
		g.cloud.t.Fatal(err)
	}
	g.cloud.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// awaitEnd waits until the service ends the connection. It had nothing to say on it.
func awaitEnd(t *testing.T, what string, conn net.Conn) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	n, err := conn.Read(make([]byte, 1))
	if timeout, ok := err.(net.Error); n > 0 || err == nil || ok && timeout.Timeout() {
		t.Fatalf("never came: %s: %d bytes, %v", what, n, err)
	}
}

// TestASlowGuestHarmsNobody: a guest opens connections without end and finishes no request. Its own oldest ones end, it is served in spite of
// that, and so is its neighbour. Connections without a request end by themselves.
func TestASlowGuestHarmsNobody(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	slow, neighbor := c.guest(binding("tap1", "slow")), c.guest(binding("tap2", "neighbor"))
	var held []net.Conn
	for range 3 * defaultBounds().portConnections {
		conn := slow.mustDial()
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "); err != nil {
			t.Fatal(err)
		}
		held = append(held, conn)
		if s := c.driver.Stats(); s.Open > defaultBounds().portConnections {
			t.Fatalf("%d connections of one port", s.Open)
		}
	}
	if code, got := neighbor.get("/latest/user-data"); code != 200 || got != "neighbor" {
		t.Errorf("the neighbour: %d %q", code, got)
	}
	if code, got := slow.get("/latest/user-data"); code != 200 || got != "slow" {
		t.Errorf("the slow guest itself: %d %q", code, got)
	}
	awaitEnd(t, "the end of the oldest connection", held[0])
	if n := c.driver.Stats().Rejected[RejectedConnections]; n < uint64(2*defaultBounds().portConnections) {
		t.Errorf("%d connections were counted as rejected", n)
	}
	last := held[len(held)-1]
	began := time.Now()
	awaitEnd(t, "the end of a request without end", last)
	if took := time.Since(began); took > 2*headTime {
		t.Errorf("it ended after %s", took)
	}
}

// TestConnectionsOfAHost: too many connections of all ports together end the oldest one, wherever it is.
func TestConnectionsOfAHost(t *testing.T) {
	t.Parallel()
	b := defaultBounds()
	b.connections = 4
	c := newCloud(t).bound(b)
	first := c.guest(binding("tap0", "0")).mustDial()
	eventually(t, "the first connection", func() bool { return c.driver.Stats().Open == 1 })
	for i := range 4 {
		c.guest(binding(fmt.Sprintf("tap%d", i+1), "x")).mustDial()
	}
	awaitEnd(t, "the end of the first connection", first)
	if s := c.driver.Stats(); s.Open != 4 || s.Rejected[RejectedConnections] != 1 {
		t.Errorf("%+v", s)
	}
}

// TestStacksOfAHost: with as many stacks as there may be, a port that asks takes the place of one that has nothing open, otherwise of the
// oldest. The one that lost its stack is served again.
func TestStacksOfAHost(t *testing.T) {
	t.Parallel()
	b := defaultBounds()
	b.stacks = 3
	c := newCloud(t).bound(b)
	var guests []*testGuest
	for i := range 5 {
		guests = append(guests, c.guest(binding(fmt.Sprintf("tap%d", i), fmt.Sprint(i))))
	}
	oldest := guests[0].mustDial()
	for range 2 {
		for i, g := range guests[1:] {
			if code, got := g.get("/latest/user-data"); code != 200 || got != fmt.Sprint(i+1) {
				t.Errorf("guest %d: %d %q", i+1, code, got)
			}
			if s := c.driver.Stats(); s.Stacks > 3 {
				t.Fatalf("%d stacks", s.Stacks)
			}
		}
	}
	awaitEnd(t, "the end of the oldest stack's connection", oldest)
}

// TestAnIdleStackGoes: the stack of a guest that does not ask any more is destroyed, and the guest is served when it asks again.
func TestAnIdleStackGoes(t *testing.T) {
	t.Parallel()
	b := defaultBounds()
	b.idle = 50 * time.Millisecond
	c := newCloud(t).bound(b)
	g := c.guest(binding("tap1", "one"))
	for range 2 {
		client := g.client(object.MetadataIPv4)
		if _, got := fetch(t, client, "/latest/user-data"); got != "one" {
			t.Errorf("%q", got)
		}
		client.CloseIdleConnections()
		eventually(t, "the end of the stack", func() bool { return c.driver.Stats().Stacks == 0 })
	}
	if g := c.driver.guest("tap1"); g.made.Load() != nil {
		t.Error("the documents are kept")
	}
}

// TestADeafGuest: a guest that takes nothing of a long answer does not hold the connection for long.
func TestADeafGuest(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	g := c.guest(binding("tap1", strings.Repeat("x", 64<<10)))
	conn := g.mustDial()
	if _, err := io.WriteString(conn, "GET /latest/user-data HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(conn).Peek(1); err != nil {
		t.Fatal(err)
	}
	close(g.deaf)
	eventually(t, "the end of the connection", func() bool {
		c.driver.pool.mu.Lock()
		defer c.driver.pool.mu.Unlock()
		for _, one := range c.driver.pool.connections {
			if !one.over() {
				return false
			}
		}
		return true
	})
}

// TestLargeAnswers: the largest user data arrives whole, by both families.
func TestLargeAnswers(t *testing.T) {
	t.Parallel()
	want := strings.Repeat("0123456789abcde\n", 4<<10)
	g := newCloud(t).guest(binding("tap1", want))
	for _, client := range []*http.Client{g.client(object.MetadataIPv4), g.client(object.MetadataIPv6)} {
		if code, got := fetch(t, client, "/openstack/2018-08-27/user_data"); code != 200 || got != want {
			t.Errorf("%d, %d bytes", code, len(got))
		}
	}
	for len(g.seen) > 0 {
		if f := <-g.seen; len(f) > ethernetSize+1450 || object.MAC(f[:6]) != guestMAC || object.MAC(f[6:12]) != object.ServerMAC {
			t.Fatalf("a frame of %d bytes to %s", len(f), object.MAC(f[:6]))
		}
	}
}

// TestARequestWithoutEnd: the head of a request is bounded.
func TestARequestWithoutEnd(t *testing.T) {
	t.Parallel()
	g := newCloud(t).guest(binding("tap1", "one"))
	conn := g.mustDial()
	go func() {
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nX-Long: "+strings.Repeat("y", 100<<10))
	}()
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || r.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("%v %v", r, err)
	}
}
