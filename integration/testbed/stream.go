package testbed

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"weft/integration/timescale"
)

// Stream is UDP traffic with sequence numbers from one guest to another and back. It measures how many packets a disturbance loses.
type Stream struct {
	client   net.PacketConn
	servers  []net.PacketConn
	names    []string // the names of the servers' guests
	to       net.Addr
	interval time.Duration
	wg       sync.WaitGroup
	stop     chan struct{}
	mu       sync.Mutex
	sent     []time.Time
	answered []answer
	twice    int
	ended    chan struct{} // closed when the last packet has been sent
	complete chan struct{} // closed when all are answered that were sent until then
}

// answer is the answer to one packet.
type answer struct {
	at time.Time // zero: not yet
	by int       // the server's number
}

// StreamOptions say where a stream goes. Several guests may listen for it, and one of them gets it at a time.
type StreamOptions struct {
	// To are the guests that answer. Each listens at its address in At, and all at the same port.
	To []*Guest
	At []string
	// Via is the address that packets are sent to. Only answers from it count. It is the first of At when empty.
	Via      string
	Interval time.Duration
}

// StartStream starts a stream to the address of the other guest, with one packet in each interval. It returns once one packet has come
// back.
func StartStream(from, to *Guest, address string, interval time.Duration) (*Stream, error) {
	return StartStreamTo(from, StreamOptions{To: []*Guest{to}, At: []string{address}, Interval: interval})
}

// StartStreamTo is StartStream with all options.
func StartStreamTo(from *Guest, o StreamOptions) (*Stream, error) {
	s := &Stream{interval: o.Interval, stop: make(chan struct{}), ended: make(chan struct{}), complete: make(chan struct{})}
	if err := s.listen(from, o); err != nil {
		s.close()
		return nil, err
	}
	first := make(chan struct{})
	for i, c := range s.servers {
		s.wg.Go(func() { echo(c, byte(i)) })
	}
	s.wg.Go(func() { s.receive(first) })
	s.wg.Go(s.send)
	select {
	case <-first:
		return s, nil
	case <-time.After(timescale.Bound(probeTimeout)):
		s.Stop()
		return nil, fmt.Errorf("testbed: stream from %s to %s: nothing came back", from.Name, s.to)
	}
}

// listen opens all sockets. All servers use the first one's port.
func (s *Stream) listen(from *Guest, o StreamOptions) error {
	port := 0
	for i, to := range o.To {
		err := to.Do(func() error {
			c, err := net.ListenPacket("udp", net.JoinHostPort(o.At[i], fmt.Sprint(port)))
			if err == nil {
				s.servers, s.names = append(s.servers, c), append(s.names, to.Name)
				port = c.LocalAddr().(*net.UDPAddr).Port
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("testbed: stream to %s: %w", to.Name, err)
		}
	}
	via := o.Via
	if via == "" {
		via = o.At[0]
	}
	s.to = &net.UDPAddr{IP: net.ParseIP(via), Port: port}
	err := from.Do(func() (err error) {
		s.client, err = net.ListenPacket("udp", ":0")
		return err
	})
	if err != nil {
		return fmt.Errorf("testbed: stream from %s: %w", from.Name, err)
	}
	return nil
}

func (s *Stream) close() {
	if s.client != nil {
		s.client.Close()
	}
	for _, c := range s.servers {
		c.Close()
	}
}

// echo sends packets back with the server's number behind them.
func echo(c net.PacketConn, number byte) {
	buf := make([]byte, 64)
	for {
		n, from, err := c.ReadFrom(buf[:63])
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			c.WriteTo(append(buf[:n], number), from) // an answer that is lost is counted as lost
		}
	}
}

func (s *Stream) send() {
	tick := time.NewTicker(s.interval)
	defer tick.Stop()
	defer close(s.ended)
	for {
		select {
		case <-s.stop:
			return
		case <-tick.C:
		}
		s.mu.Lock()
		number := len(s.sent)
		s.sent = append(s.sent, time.Now())
		s.answered = append(s.answered, answer{})
		s.mu.Unlock()
		s.client.WriteTo(binary.BigEndian.AppendUint64(nil, uint64(number)), s.to)
	}
}

func (s *Stream) receive(first chan struct{}) {
	buf := make([]byte, 64)
	for {
		n, from, err := s.client.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || n != 9 || from.String() != s.to.String() || int(buf[8]) >= len(s.servers) {
			continue
		}
		s.take(binary.BigEndian.Uint64(buf), int(buf[8]))
		if first != nil {
			close(first)
			first = nil
		}
	}
}
