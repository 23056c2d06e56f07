package bed

import (
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"time"

	"weft/integration/timescale"
)

// Stream is UDP traffic with sequence numbers from one guest to another and back, to measure what a disturbance costs.
type Stream struct {
	client, server net.PacketConn
	to             net.Addr
	interval       time.Duration
	wg             sync.WaitGroup
	stop           chan struct{}
	mu             sync.Mutex
	sent           []time.Time
	answered       []time.Time // zero: not yet
}

// StreamResult is what became of a stream.
type StreamResult struct {
	Sent, Lost int
	// Longest is the longest time between two answers that followed each other.
	Longest time.Duration
}

// String writes "lost 3 of 1200, longest gap 12ms".
func (r StreamResult) String() string {
	return fmt.Sprintf("lost %d of %d, longest gap %v", r.Lost, r.Sent, r.Longest.Round(time.Millisecond))
}

// drain is how long the last packets may take.
const drain = 500 * time.Millisecond

// StartStream begins a stream to the address of the other guest, one packet each interval, once one packet has come
// back.
func StartStream(from, to *Guest, address string, interval time.Duration) (*Stream, error) {
	s := &Stream{interval: interval, stop: make(chan struct{})}
	listen := func(c *net.PacketConn, addr string) func() error {
		return func() (err error) {
			*c, err = net.ListenPacket("udp", addr)
			return err
		}
	}
	if err := to.Do(listen(&s.server, net.JoinHostPort(address, "0"))); err != nil {
		return nil, fmt.Errorf("bed: stream to %s: %w", to.Name, err)
	}
	if err := from.Do(listen(&s.client, ":0")); err != nil {
		s.server.Close()
		return nil, fmt.Errorf("bed: stream from %s: %w", from.Name, err)
	}
	s.to = s.server.LocalAddr()
	first := make(chan struct{})
	s.wg.Go(s.echo)
	s.wg.Go(func() { s.receive(first) })
	s.wg.Go(s.send)
	select {
	case <-first:
		return s, nil
	case <-time.After(timescale.Bound(probeTimeout)):
		s.Stop()
		return nil, fmt.Errorf("bed: stream from %s to %s of %s: nothing came back", from.Name, address, to.Name)
	}
}

func (s *Stream) echo() {
	buf := make([]byte, 64)
	for {
		n, from, err := s.server.ReadFrom(buf)
		if err != nil {
			return
		}
		s.server.WriteTo(buf[:n], from) // a lost answer is what is being counted
	}
}

func (s *Stream) send() {
	tick := time.NewTicker(s.interval)
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-tick.C:
		}
		s.mu.Lock()
		number := len(s.sent)
		s.sent = append(s.sent, time.Now())
		s.answered = append(s.answered, time.Time{})
		s.mu.Unlock()
		s.client.WriteTo(binary.BigEndian.AppendUint64(nil, uint64(number)), s.to)
	}
}

func (s *Stream) receive(first chan struct{}) {
	buf := make([]byte, 64)
	for {
		n, _, err := s.client.ReadFrom(buf)
		if err != nil {
			return
		}
		if n != 8 {
			continue
		}
		number := binary.BigEndian.Uint64(buf)
		s.mu.Lock()
		if number < uint64(len(s.answered)) && s.answered[number].IsZero() {
			s.answered[number] = time.Now()
		}
		s.mu.Unlock()
		if first != nil {
			close(first)
			first = nil
		}
	}
}

// Stop ends the stream and says what became of it. Packets before the first answer do not count.
func (s *Stream) Stop() StreamResult {
	close(s.stop)
	time.Sleep(timescale.Bound(drain)) // the answers still under way cannot be told from lost ones
	s.client.Close()
	s.server.Close()
	s.wg.Wait()
	return s.result()
}

func (s *Stream) result() StreamResult {
	s.mu.Lock()
	defer s.mu.Unlock()
	var r StreamResult
	var last time.Time
	for i := range s.sent {
		at := s.answered[i]
		if at.IsZero() {
			if !last.IsZero() {
				r.Sent++
				r.Lost++
			}
			continue
		}
		r.Sent++
		if !last.IsZero() {
			r.Longest = max(r.Longest, at.Sub(last))
		}
		last = at
	}
	if len(s.sent) > 0 && !last.IsZero() {
		r.Longest = max(r.Longest, s.sent[len(s.sent)-1].Sub(last))
	}
	return r
}
