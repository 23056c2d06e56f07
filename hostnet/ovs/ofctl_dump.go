package ovs

import (
	"bytes"
	"context"
	"fmt"
	"hash/maphash"
	"iter"
	"strconv"
)

// textDump is what ovs-ofctl has printed.
type textDump struct {
	text   []byte
	bridge string
	seed   maphash.Seed
}

func (o ofctl) dump(ctx context.Context, bridge string, cookie *uint64) (flowDump, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	args := []string{"--no-names", "--no-stats", "--read-only", "dump-flows", "-OOpenFlow14", o.target(bridge)}
	if cookie != nil {
		args = append(args, fmt.Sprintf("cookie=%#x/-1", *cookie))
	}
	room := 0
	if cookie == nil {
		room = int(o.dumped.Load())
	}
	out, err := o.runFor(ctx, room, nil, "ovs-ofctl", args...)
	if err != nil {
		return nil, fmt.Errorf("reading flows of bridge %s: %w", bridge, err)
	}
	if cookie == nil {
		o.dumped.Store(int64(len(out) + len(out)/16))
	}
	return textDump{out, bridge, o.seed}, nil
}

// digests adds up the hashes of each cookie's lines, because a switch may list the same flows in another order.
func (d textDump) digests() map[uint64]uint64 {
	sums := map[uint64]uint64{}
	for line := range d.lines() {
		sums[cookieOf(line)] += maphash.Bytes(d.seed, line)
	}
	return sums
}

func (d textDump) parse(cookies map[uint64]struct{}) (flows []*switchFlow, err error) {
	if len(cookies) == 0 {
		return nil, nil
	}
	for line := range d.lines() {
		if _, wanted := cookies[cookieOf(line)]; !wanted {
			continue
		}
		f, err := parseFlow(string(line))
		if err != nil {
			return nil, fmt.Errorf("reading flows of bridge %s: %w", d.bridge, err)
		}
		flows = append(flows, &f)
	}
	return flows, nil
}

// lines are the lines that describe a flow.
func (d textDump) lines() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for line := range bytes.Lines(d.text) {
			if line = bytes.TrimSpace(line); bytes.Contains(line, []byte("actions=")) && !yield(line) {
				return
			}
		}
	}
}

// cookieOf finds the cookie in the line of a flow. parseFlow reads a line that is wrong.
func cookieOf(line []byte) uint64 {
	head, _, _ := bytes.Cut(line, []byte("actions="))
	_, text, _ := bytes.Cut(head, []byte("cookie="))
	if end := bytes.IndexAny(text, ", "); end >= 0 {
		text = text[:end]
	}
	cookie, _ := strconv.ParseUint(string(text), 0, 64) // zero if there is none
	return cookie
}
