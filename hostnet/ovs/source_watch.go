package ovs

import (
	"bufio"
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"weft/hostnet/object"
)

// sources watches whether each port's own source check lets in anything of what its guest sends. A guest that uses another MAC
// than its port's is mute, although nothing has failed. The counters are read with every Sync.
type sources struct {
	mu   sync.Mutex
	seen map[string]map[uint32]*object.SourceWatch // by bridge and OpenFlow port number
}

// sourceCounts are a port's counters.
type sourceCounts struct {
	received uint64 // all frames that came in by the port (OFPMP_PORT_STATS)
	passed   uint64 // frames that the port's own flows of table 0 let in (OFPMP_FLOW)
}

func newSources() *sources { return &sources{seen: map[string]map[uint32]*object.SourceWatch{}} }

// look compares a bridge's counters with those of the last look.
func (s *sources) look(bridge string, now map[uint32]sourceCounts) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.seen[bridge]
	after := make(map[uint32]*object.SourceWatch, len(now))
	for port, c := range now {
		w := before[port]
		if w == nil {
			w = &object.SourceWatch{}
		}
		w.Look(c.received, c.passed)
		after[port] = w
	}
	s.seen[bridge] = after
}

// unheard says that a guest sends frames and none of them passes.
func (s *sources) unheard(bridge string, port uint32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.seen[bridge][port]
	return w != nil && w.Unheard()
}

var (
	flowCounter = regexp.MustCompile(`cookie=(0x[0-9a-f]+).*n_packets=(\d+),.*in_port=(\d+),.*dl_src=.*actions=(\S+)`)
	portCounter = regexp.MustCompile(`^\s*port\s+(\d+): rx pkts=(\d+),`)
)

// parseCounters joins both texts. It leaves out ports without a flow of ours that lets something in.
func parseCounters(flows, ports []byte) map[uint32]sourceCounts {
	counts := map[uint32]sourceCounts{}
	eachMatch(flows, flowCounter, func(m []string) {
		cookie, err := strconv.ParseUint(m[1], 0, 64)
		if err != nil || cookie&object.CookieMask != object.CookieOwner || strings.HasPrefix(m[4], "drop") {
			return
		}
		port, n := number(m[3]), number(m[2])
		c := counts[uint32(port)]
		c.passed += n
		counts[uint32(port)] = c
	})
	eachMatch(ports, portCounter, func(m []string) {
		port := uint32(number(m[1]))
		if c, known := counts[port]; known {
			c.received = number(m[2])
			counts[port] = c
		}
	})
	return counts
}

func number(text string) uint64 {
	n, _ := strconv.ParseUint(text, 10, 64) // only digits get here, and counters fit into 64 bits
	return n
}

func eachMatch(text []byte, pattern *regexp.Regexp, on func(groups []string)) {
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		if m := pattern.FindStringSubmatch(lines.Text()); m != nil {
			on(m)
		}
	}
}
