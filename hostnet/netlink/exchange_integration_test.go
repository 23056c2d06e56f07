//go:build integration

package netlink

import (
	"context"
	"errors"
	"net"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// newConn opens a socket in the testbed's namespace.
func (b *testbed) newConn() *Conn {
	b.t.Helper()
	c, err := Open(b.space, new(Buffers), unix.NETLINK_ROUTE)
	must(b.t, err)
	b.t.Cleanup(func() { _ = c.Close() })
	return c
}

// askLink asks for the link with the index.
func askLink(index int) *Request {
	return NewRequest(unix.RTM_GETLINK, FlagsAct, LinkInfo(unix.AF_UNSPEC, index, 0, 0))
}

// TestExchangeEnds: an exchange ends at its time, with its function's error, or as soon as that has what it needs. What it leaves
// behind is no answer to the next one.
func TestExchangeEnds(t *testing.T) {
	t.Parallel()
	c := newTestbed(t).newConn()
	never := func(int, Message) (bool, error) { return false, nil }
	start := time.Now()
	err := c.Exchange(start.Add(30*time.Millisecond), []*Request{askLink(1)}, never)
	if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took < 30*time.Millisecond || took > requestTimeout {
		t.Errorf("after %s: %v", took, err)
	}
	boom, calls := errors.New("boom"), 0
	err = c.Exchange(time.Time{}, []*Request{askLink(1), askLink(1)}, func(int, Message) (bool, error) { calls++; return false, boom })
	if !errors.Is(err, boom) || calls != 1 {
		t.Errorf("%v, called %d times", err, calls)
	}
	calls = 0
	must(t, c.Exchange(time.Time{}, []*Request{askLink(1), askLink(1)}, func(i int, _ Message) (bool, error) { calls++; return i == 0, nil }))
	if calls != 1 {
		t.Errorf("complete after the first answer, and called %d times", calls)
	}
	found := 0
	if err := c.One(askLink(9999), func(Message) { found++ }); !errors.Is(err, unix.ENODEV) || found != 0 {
		t.Errorf("the next exchange has %d answers, %v", found, err)
	}
	must(t, c.Exchange(time.Time{}, nil, never))
	must(t, c.Close())
	if err := c.One(askLink(1), nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after it was closed: %v", err)
	}
}

// TestLargeDatagram: a socket with large buffers sends as many requests at once, and receives all answers.
func TestLargeDatagram(t *testing.T) {
	t.Parallel()
	c := newTestbed(t).newConn()
	requests := make([]*Request, 10000)
	for i := range requests {
		requests[i] = askLink(9999)
	}
	if err := c.Do(requests, nil)[0]; !errors.Is(err, unix.EMSGSIZE) {
		t.Errorf("with its first buffers: %v", err)
	}
	must(t, c.SetBuffers(64<<20))
	for i, err := range c.Do(requests, nil) {
		if !errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EMSGSIZE) {
			t.Fatalf("request %d: %v", i, err)
		}
	}
}

// TestPortNamesTheSender: a notification names the port of the socket that made the change.
func TestPortNamesTheSender(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	c, other := b.newConn(), b.newConn()
	port, err := c.Port()
	must(t, err)
	if another, err := other.Port(); err != nil || another == port || port == 0 {
		t.Errorf("the ports are %d and %d, %v", port, another, err)
	}
	s, err := Subscribe(b.space, new(Buffers), unix.NETLINK_ROUTE, unix.RTNLGRP_IPV4_IFADDR)
	must(t, err)
	t.Cleanup(func() { _ = s.Close() })
	address := NewRequest(unix.RTM_NEWADDR, FlagsMake, []byte{unix.AF_INET, 8, 0, 0, 1, 0, 0, 0}).Attr(unix.IFA_LOCAL, 127, 0, 0, 1)
	must(t, c.One(address, nil))
	var senders []uint32
	if lost, err := s.Drain(func(m Message) { senders = append(senders, m.Header.Pid) }); lost || err != nil || len(senders) != 1 || senders[0] != port {
		t.Errorf("the senders are %v, expected %d; lost %v, %v", senders, port, lost, err)
	}
}

// TestDumpOnce: it passes on every entry, and returns the error of a dump that cannot be made. The socket then takes another.
func TestDumpOnce(t *testing.T) {
	t.Parallel()
	c := newTestbed(t).newConn()
	wrong := NewRequest(unix.RTM_GETADDR, FlagsDump, make([]byte, AddressHeader)).Uint32(200, 1) // an attribute that does not exist
	if err := c.DumpOnce(time.Time{}, wrong, func(Message) {}); !errors.Is(err, unix.EINVAL) {
		t.Errorf("a wrong request: %v", err)
	}
	names := map[string]bool{}
	must(t, c.DumpOnce(time.Time{}, NewRequest(unix.RTM_GETLINK, FlagsDump, LinkInfo(unix.AF_UNSPEC, 0, 0, 0)), func(m Message) {
		l, _, err := parseLink(m.Data)
		must(t, err)
		names[l.Name] = true
	}))
	if !names["lo"] {
		t.Errorf("the links are %v", names)
	}
}

// TestOnlyRemovals: a filtered subscription tells what was removed and nothing else.
func TestOnlyRemovals(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	s, err := Subscribe(b.space, new(Buffers), unix.NETLINK_ROUTE, unix.RTNLGRP_LINK)
	must(t, err)
	t.Cleanup(func() { _ = s.Close() })
	must(t, s.Only(unix.RTM_DELLINK))
	l := b.add("tap1")
	must(t, b.hand.LinkSetUp(l))
	must(t, b.hand.LinkDel(l))
	var indexes []int
	lost, err := s.Drain(func(m Message) {
		if m.Header.Type != unix.RTM_DELLINK {
			t.Errorf("a message of type %d is told", m.Header.Type)
		}
		indexes = append(indexes, Index(m.Data))
	})
	if lost || err != nil || !slices.Contains(indexes, l.Attrs().Index) {
		t.Errorf("removed are %v, expected %d; lost %v, %v", indexes, l.Attrs().Index, lost, err)
	}
}
