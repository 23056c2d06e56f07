//go:build integration

package scenario

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"weft/integration/testbed"
)

// targets are the addresses that a word means: an address, or all global addresses of a guest.
func targets(ts *testscript.TestScript, word string) []string {
	if _, err := netip.ParseAddr(word); err == nil {
		return []string{word}
	}
	addresses, err := guestNamed(ts, word).Addresses(of(ts).testbed.Context())
	ts.Check(err)
	if len(addresses) == 0 {
		ts.Fatalf("guest %s has no address", word)
	}
	return addresses
}

// addressLike is the guest's first address of the same family as another address, or its first address if there is no other.
func addressLike(ts *testscript.TestScript, guest, other string) string {
	all := targets(ts, guest)
	if other == "" {
		return all[0]
	}
	for _, a := range all {
		if strings.Contains(a, ":") == strings.Contains(other, ":") {
			return a
		}
	}
	ts.Fatalf("guest %s has no address of the family of %s", guest, other)
	return ""
}

// ping GUEST ADDRESS|GUEST [count=3]: every request is answered; with ! none is. A guest means all of its addresses.
func ping(ts *testscript.TestScript, neg bool, args []string) {
	words, options := split(args, "count")
	usage(ts, words, 2, 2, "ping guest address|guest [count=n]")
	g, count := guestNamed(ts, words[0]), 3
	if options["count"] != "" {
		count = number(ts, options["count"])
	}
	for _, a := range targets(ts, words[1]) {
		if neg {
			ts.Check(g.Unreachable(of(ts).testbed.Context(), a, count))
		} else {
			ts.Check(g.Ping(of(ts).testbed.Context(), a, count))
		}
	}
}

// tcp GUEST GUEST [bytes=N]: sends a megabyte there and back over every address of the second guest, and compares it. With ! every
// address must fail.
func tcp(ts *testscript.TestScript, neg bool, args []string) {
	words, options := split(args, "bytes")
	usage(ts, words, 2, 2, "tcp guest guest [bytes=n]")
	size := 1 << 20
	if options["bytes"] != "" {
		size = number(ts, options["bytes"])
	}
	from, to := guestNamed(ts, words[0]), guestNamed(ts, words[1])
	for _, a := range targets(ts, words[1]) {
		err := testbed.TCP(of(ts).testbed.Context(), from, to, a, size)
		if neg && err == nil {
			ts.Fatalf("tcp from %s reached %s of %s", words[0], a, words[1])
		}
		if !neg {
			ts.Check(err)
		}
	}
}

const streamUsage = "stream start name guest guest[,guest] [address] [via=address] [every=5ms] | stream stop name [lost=n] [gap=duration]"

// stream start NAME FROM TO[,TO] [ADDRESS] [via=ADDRESS] [every=5ms]: starts numbered UDP packets there and back. stream stop NAME
// [lost=N] [gap=DURATION]: ends them, prints what was lost and who answered, and fails if more was lost than allowed.
func stream(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "stream")
	words, options := split(args, "every", "lost", "gap", "via")
	usage(ts, words, 2, 5, streamUsage)
	w := of(ts)
	switch {
	case words[0] == "start" && len(words) >= 4:
		o := testbed.StreamOptions{Via: options["via"], Interval: duration(ts, options["every"], 5*time.Millisecond)}
		for _, name := range strings.Split(words[3], ",") {
			o.To = append(o.To, guestNamed(ts, name))
			o.At = append(o.At, addressLike(ts, name, o.Via))
		}
		if len(words) == 5 {
			o.At[0] = words[4]
		}
		s, err := testbed.StartStreamTo(guestNamed(ts, words[2]), o)
		ts.Check(err)
		w.streams[words[1]] = s
	case words[0] == "stop" && w.streams[words[1]] != nil:
		r := w.streams[words[1]].Stop()
		delete(w.streams, words[1])
		ts.Logf("stream %s: %s", words[1], r)
		fmt.Fprintln(ts.Stdout(), r)
		if options["lost"] != "" && r.Lost > number(ts, options["lost"]) {
			ts.Fatalf("stream %s: %s; at most %s may be lost", words[1], r, options["lost"])
		}
		if gap := duration(ts, options["gap"], 0); gap != 0 && r.Longest > gap {
			ts.Fatalf("stream %s: %s; at most %v may pass", words[1], r, gap)
		}
	default:
		ts.Fatalf("usage: %s", streamUsage)
	}
}

func duration(ts *testscript.TestScript, s string, otherwise time.Duration) time.Duration {
	if s == "" {
		return otherwise
	}
	d, err := time.ParseDuration(s)
	ts.Check(err)
	return d
}

// capture start NAME GUEST|HOST [link=NAME] FILTER…: captures frames that arrive. capture stop NAME: prints them on stdout, one line for
// each frame. With least or most it prints nothing, and fails if there are fewer or more.
func capture(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "capture")
	words, options := split(args, "link", "least", "most")
	usage(ts, words, 2, -1, "capture start name namespace [link=name] filter… | capture stop name [least=n] [most=n]")
	w := of(ts)
	switch {
	case words[0] == "start" && len(words) >= 3:
		ns, err := w.testbed.Namespace(words[2])
		ts.Check(err)
		link := options["link"]
		if link == "" {
			link = linkOf(ts, words[2])
		}
		c, err := ns.Capture(w.testbed.Context(), link, strings.Join(words[3:], " "))
		ts.Check(err)
		w.captures[words[1]] = c
	case words[0] == "stop" && w.captures[words[1]] != nil:
		lines := w.captures[words[1]].Stop()
		delete(w.captures, words[1])
		if options["least"]+options["most"] == "" {
			for _, l := range lines {
				fmt.Fprintln(ts.Stdout(), l)
			}
		} else {
			ts.Logf("capture %s: %d frames", words[1], len(lines))
		}
		if least := options["least"]; least != "" && len(lines) < number(ts, least) {
			ts.Fatalf("capture %s: %d frames arrived, expected at least %s", words[1], len(lines), least)
		}
		if most := options["most"]; most != "" && len(lines) > number(ts, most) {
			ts.Fatalf("capture %s: %d frames arrived, expected at most %s", words[1], len(lines), most)
		}
	default:
		ts.Fatalf("capture: %v is neither start nor stop of one that was started", words)
	}
}

// send GUEST|HOST [link=NAME] [times=1] FRAME: sends a frame as written, see testbed.ParseFrame.
func send(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "send")
	usage(ts, args, 2, -1, "send guest|host [link=name] [times=n] layer field=value… / layer …")
	var words []string
	link, times := linkOf(ts, args[0]), 1
	for _, a := range args[1:] {
		if name, ok := strings.CutPrefix(a, "link="); ok && len(words) == 0 {
			link = name
		} else if n, ok := strings.CutPrefix(a, "times="); ok && len(words) == 0 {
			times = number(ts, n)
		} else {
			words = append(words, a)
		}
	}
	frame, err := testbed.ParseFrame(strings.Join(words, " "))
	ts.Check(err)
	ns, err := of(ts).testbed.Namespace(args[0])
	ts.Check(err)
	for range times {
		ts.Check(ns.Send(link, frame))
	}
}

// linkOf is the link that frames are captured and sent on if none is named: a guest's own, and eth0 elsewhere.
func linkOf(ts *testscript.TestScript, name string) string {
	if g, err := of(ts).testbed.Guest(name); err == nil {
		return g.Link()
	}
	return "eth0"
}
