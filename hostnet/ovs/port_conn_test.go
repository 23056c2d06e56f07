package ovs

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"weft/hostnet/ovs/openflow"
)

// portSwitch is a scripted switch that knows ports and its own flags, in OpenFlow 1.0.
type portSwitch struct {
	mu      sync.Mutex
	ports   map[uint16]openflow.PortConfig
	flags   uint16
	hearing net.Conn // who asked for port status
	refuse  bool     // orders
	seen    []openflow.Type
}

// wirePort is a port as the switch writes it.
func wirePort(number uint16, config openflow.PortConfig) []byte {
	b := binary.BigEndian.AppendUint16(nil, number)
	b = append(b, 2, 0, 0, 0, 0, byte(number), 't', byte('0'+number))
	b = append(b, make([]byte, 14)...)
	b = binary.BigEndian.AppendUint32(b, uint32(config))
	return append(b, make([]byte, 20)...)
}

func answer10(c net.Conn, h openflow.Header, kind openflow.Type, body []byte) bool {
	_, err := c.Write(openflow.AppendMessage10(nil, kind, h.XID, body))
	return err == nil
}

func (s *portSwitch) answer(c net.Conn, h openflow.Header, body []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.Type != openflow.TypeHello {
		s.seen = append(s.seen, h.Type)
	}
	switch h.Type {
	case openflow.TypeHello:
		return answer10(c, h, openflow.TypeHello, nil)
	case openflow.TypeGetConfigRequest10:
		return answer10(c, openflow.Header{XID: 99}, openflow.TypeEchoRequest, []byte("alive?")) &&
			answer10(c, h, openflow.TypeGetConfigReply10, []byte{byte(s.flags >> 8), byte(s.flags), 0, 128})
	case openflow.TypeSetConfig10:
		s.flags = binary.BigEndian.Uint16(body)
	case openflow.TypeVendor10:
		s.hearing = c
	case openflow.TypePortMod10:
		if s.refuse {
			return answer10(c, h, openflow.TypeError, []byte{0, 7, 0, 1})
		}
		number, mask := binary.BigEndian.Uint16(body), binary.BigEndian.Uint32(body[12:])
		s.ports[number] &^= openflow.PortConfig(mask)
	case openflow.TypeStatsRequest10:
		numbers := make([]uint16, 0, len(s.ports))
		for n := range s.ports {
			numbers = append(numbers, n)
		}
		slices.Sort(numbers)
		for i, n := range numbers { // one answer for each port
			more := byte(1)
			if i == len(numbers)-1 {
				more = 0
			}
			if !answer10(c, h, openflow.TypeStatsReply10, append([]byte{0, 13, 0, more}, wirePort(n, s.ports[n])...)) {
				return false
			}
		}
	}
	return true
}

func configs(ports []openflow.Port) (texts []string) {
	for _, p := range ports {
		texts = append(texts, p.Name+" "+p.Config.String())
	}
	return texts
}

// TestPortsAreReadAndCleared: all parts of an answer are joined, and only the flags of the named ports are cleared.
func TestPortsAreReadAndCleared(t *testing.T) {
	t.Parallel()
	s := &portSwitch{ports: map[uint16]openflow.PortConfig{1: 4, 2: 4 | openflow.PortDown, 3: 32}}
	d := newDirect(scriptedSwitch(t, s.answer))
	defer d.close()
	all, err := d.ports(t.Context(), "br-int", nil)
	if want := []string{"t1 no-receive", "t2 no-receive", "t3 no-forward"}; err != nil || !slices.Equal(configs(all), want) {
		t.Errorf("ports %v, %v", configs(all), err)
	}
	all, err = d.ports(t.Context(), "br-int", map[uint16]bool{2: true, 9: true})
	if want := []string{"t1 no-receive", "t2 ", "t3 no-forward"}; err != nil || !slices.Equal(configs(all), want) || all[1].Config != openflow.PortDown {
		t.Errorf("ports %v, %v", configs(all), err)
	}
	s.mu.Lock()
	s.refuse = true
	s.mu.Unlock()
	all, err = d.ports(t.Context(), "br-int", map[uint16]bool{1: true})
	var refusal openflow.Refusal
	if !errors.As(err, &refusal) || refusal.Type != 7 || len(all) != 3 || all[0].Config != 4 {
		t.Errorf("a refused order: %v, %v", configs(all), err)
	}
	if _, err := d.ports(t.Context(), "br-none", nil); !errors.Is(err, errSwitchLost) {
		t.Errorf("a bridge without a switch: %v", err)
	}
}

// TestPortsAreFollowed: the switch's own flags stay as they are, all ports are told first, then each change, until the end.
func TestPortsAreFollowed(t *testing.T) {
	t.Parallel()
	s := &portSwitch{ports: map[uint16]openflow.PortConfig{1: 0, 2: 4}, flags: 3}
	d := newDirect(scriptedSwitch(t, s.answer))
	defer d.close()
	based, told := make(chan []openflow.Port, 1), make(chan string, 8)
	ended := make(chan error, 1)
	go func() {
		ended <- d.monitorPorts(t.Context(), "br-int", func(all []openflow.Port) { based <- all }, func(r openflow.PortReason, p openflow.Port) {
			told <- p.Name + " " + p.Config.String() + map[bool]string{true: " gone"}[r == openflow.PortDeleted]
		})
	}()
	if all := <-based; !slices.Equal(configs(all), []string{"t1 ", "t2 no-receive"}) {
		t.Errorf("at first: %v", configs(all))
	}
	s.mu.Lock()
	conn, flags, seen := s.hearing, s.flags, slices.Clone(s.seen)
	s.mu.Unlock()
	order := []openflow.Type{openflow.TypeGetConfigRequest10, openflow.TypeSetConfig10, openflow.TypeVendor10, openflow.TypeGetConfigRequest10, openflow.TypeStatsRequest10}
	without := slices.DeleteFunc(seen, func(k openflow.Type) bool { return k == openflow.TypeEchoReply })
	if flags != 3 || !slices.Equal(without, order) {
		t.Errorf("flags %#x, messages %v", flags, without)
	}
	status := func(reason byte, port []byte) {
		answer10(conn, openflow.Header{}, openflow.TypePortStatus10, append([]byte{reason, 0, 0, 0, 0, 0, 0, 0}, port...))
	}
	status(2, wirePort(1, 32))
	status(1, wirePort(2, 0))
	for _, want := range []string{"t1 no-forward", "t2  gone"} {
		if got := <-told; got != want {
			t.Errorf("told %q, want %q", got, want)
		}
	}
	conn.Close()
	if err := <-ended; !errors.Is(err, errSwitchLost) {
		t.Errorf("ended with %v", err)
	}
}

// TestPortSwitchesThatMisbehave: each is an error, and none blocks.
func TestPortSwitchesThatMisbehave(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		on   openflow.Type
		kind openflow.Type
		body []byte
		want string
	}{
		"no greeting":              {openflow.TypeHello, openflow.TypeError, []byte{0, 0, 0, 0}, "no greeting: a message of type 1 instead"},
		"half an answer":           {openflow.TypeStatsRequest10, openflow.TypeStatsReply10, []byte{0, 13, 0, 0, 1}, "are left of an answer about ports"},
		"the question refused":     {openflow.TypeStatsRequest10, openflow.TypeError, []byte{0, 1, 0, 2}, "bad request, code 2"},
		"a refusal without a body": {openflow.TypeStatsRequest10, openflow.TypeError, []byte{0}, "an error message has a body of 1 bytes"},
		"half a status":            {openflow.TypeStatsRequest10, openflow.TypePortStatus10, []byte{0}, "a port's status has 1 bytes"},
	} {
		d := newDirect(scriptedSwitch(t, func(conn net.Conn, h openflow.Header, _ []byte) bool {
			if h.Type == c.on {
				return answer10(conn, h, c.kind, c.body)
			}
			return h.Type != openflow.TypeHello || answer10(conn, h, h.Type, nil)
		}))
		if _, err := d.ports(t.Context(), "br-int", nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		d.close()
	}
	mute := newDirect(scriptedSwitch(t, func(conn net.Conn, h openflow.Header, _ []byte) bool {
		return h.Type != openflow.TypeHello || answer10(conn, h, h.Type, nil)
	}))
	defer mute.close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := mute.ports(ctx, "br-int", nil); err == nil {
		t.Error("a switch that does not answer has ports")
	}
}

// TestAliveSwitch: one that accepts a connection is alive, whatever it says.
func TestAliveSwitch(t *testing.T) {
	t.Parallel()
	d := newDirect(scriptedSwitch(t, func(net.Conn, openflow.Header, []byte) bool { return true }))
	defer d.close()
	if !d.alive(t.Context(), "br-int") || d.alive(t.Context(), "br-none") {
		t.Error("not exactly the bridge with a switch is alive")
	}
}
