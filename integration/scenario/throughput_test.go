//go:build integration

package scenario

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"weft/integration/testbed"
	"weft/integration/timescale"
)

// throughputPort is the first port on which receivers listen. Each measurement of a scenario has its own.
const throughputPort = 5300

// warmUp is how many seconds at the beginning of a measurement do not count: TCP finds its rate, and the bucket of a limit empties.
const warmUp = 2

// tolerance is how far a measured rate may be from the expected one.
const tolerance = 0.1

// The sizes of what is sent. Limits count whole Ethernet frames, and iperf3 counts what is in them.
const (
	tcpSegment  = 1448 // with timestamps, at an MTU of 1500
	tcpHeaders  = 66
	udpDatagram = 1400
	udpHeaders  = 42
)

// stream3 is what is used of the receiver's report (iperf3(1), --json).
type stream3 struct {
	Intervals []struct {
		Sum struct {
			Start   float64 `json:"start"`
			Seconds float64 `json:"seconds"`
			Bytes   float64 `json:"bytes"`
		} `json:"sum"`
	} `json:"intervals"`
	Error string `json:"error"`
}

// transfer is one measurement beside the script.
type transfer struct {
	protocol string
	cancel   context.CancelFunc
	sender   chan error
	receiver chan loadResult
	again    func(port int) *transfer // measures the same once more
}

const throughputUsage = "throughput start name guest guest tcp|udp [offered=80M] [seconds=8] [via=address] | throughput stop name [name] [kbps=N] [least=N] [last=SECONDS] [tries=1]"

// throughput start NAME FROM TO tcp|udp [offered=80M] [seconds=8] [via=ADDRESS]: sends to the other guest's first address, or to an address
// that leads there, TCP as fast as it can, UDP at the offered rate. throughput stop NAME: waits for its end. The rate is what the receiver got, in whole frames, without the first two
// seconds; with last= only of the last seconds. With kbps= it must not be more than 10 % above that rate as a whole, and in a
// good second not more than 10 % below; with least= only the latter. A rate that is too low is
// measured tries times, because a busy machine sends less; one that is too high fails at once. It fails too if the connection broke. The rate is on stdout.
// With a second name, both rates together are compared.
func throughput(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "throughput")
	words, options := split(args, "offered", "seconds", "kbps", "least", "last", "tries", "via")
	w := of(ts)
	switch {
	case len(words) == 5 && words[0] == "start" && (words[4] == "tcp" || words[4] == "udp"):
		w.transferred++
		w.transfers[words[1]] = startTransfer(w.testbed.Context(), guestNamed(ts, words[2]), guestNamed(ts, words[3]), addressLike(ts, words[3], options["via"]), words[4],
			throughputPort+w.transferred, options)
	case len(words) == 3 && words[0] == "stop" && w.transfers[words[1]] != nil && w.transfers[words[2]] != nil:
		var sum rateSeen
		for _, name := range words[1:] {
			r, err := w.transfers[name].finish(options["last"])
			delete(w.transfers, name)
			ts.Check(err)
			ts.Logf("%s: %s", name, r)
			sum.mean, sum.good = sum.mean+r.mean, sum.good+r.good
		}
		fmt.Fprintln(ts.Stdout(), sum)
		_, err := sum.expected(options)
		ts.Check(err)
	case len(words) == 2 && words[0] == "stop" && w.transfers[words[1]] != nil:
		for try := 1; ; try++ {
			x := w.transfers[words[1]]
			delete(w.transfers, words[1])
			r, err := x.finish(options["last"])
			low := errors.Is(err, errShort)
			if !low {
				ts.Check(err)
				fmt.Fprintln(ts.Stdout(), r)
				ts.Logf("%s: %s", words[1], r)
				low, err = r.expected(options)
			}
			if err == nil {
				break
			}
			if !low || try >= tries(ts, options) {
				ts.Fatalf("%v", err)
			}
			w.transferred++
			w.transfers[words[1]] = x.again(throughputPort + w.transferred)
		}
	default:
		ts.Fatalf("usage: %s", throughputUsage)
	}
}

// errShort is the error of a transfer that sent for too short a time to say how fast it was. On a busy machine a second may last too long.
var errShort = errors.New("too short")

// tries is how often a rate is measured that is too low, or that was measured for too short a time.
func tries(ts *testscript.TestScript, options map[string]string) int {
	if options["tries"] == "" {
		return 1
	}
	return number(ts, options["tries"])
}

// rateSeen is a rate in kilobits a second: over the whole time, and in a second that is better than three of four. On a busy machine some
// seconds pass without anybody sending, and what was not sent then is lost for the first.
type rateSeen struct{ mean, good float64 }

func (m rateSeen) String() string {
	return fmt.Sprintf("%.0f kbit/s, in a good second %.0f", m.mean, m.good)
}

// expected compares a rate with what the options say. low says that it is too low.
func (m rateSeen) expected(options map[string]string) (low bool, err error) {
	for _, name := range []string{"kbps", "least"} {
		if options[name] == "" {
			continue
		}
		want, err := strconv.ParseFloat(options[name], 64)
		switch {
		case err != nil:
			return false, fmt.Errorf("%s=%s: %w", name, options[name], err)
		case m.good < (1-tolerance)*want:
			return true, fmt.Errorf("%s came through, expected %s", m, options[name])
		case name == "kbps" && m.mean > (1+tolerance)*want:
			return false, fmt.Errorf("%s came through, expected no more than %s", m, options[name])
		}
	}
	return false, nil
}

func startTransfer(whole context.Context, from, to *testbed.Guest, address, protocol string, port int, options map[string]string) *transfer {
	or := func(name, value string) string {
		if options[name] != "" {
			return options[name]
		}
		return value
	}
	ctx, cancel := context.WithTimeout(whole, timescale.Bound(testbed.AwaitTimeout))
	x := &transfer{protocol, cancel, make(chan error, 1), make(chan loadResult, 1), func(port int) *transfer {
		return startTransfer(whole, from, to, address, protocol, port, options)
	}}
	at := strconv.Itoa(port)
	go func() {
		out, err := to.Run(ctx, "iperf3", "--server", "--one-off", "--bind", address, "--port", at, "--json")
		x.receiver <- loadResult{out, err}
	}()
	client := []string{"--client", or("via", address), "--port", at, "--time", or("seconds", "8")}
	if protocol == "udp" {
		client = append(client, "--udp", "--length", strconv.Itoa(udpDatagram), "--bitrate", or("offered", "80M"))
	}
	go func() {
		err := to.Listening(ctx, port)
		if err == nil {
			_, err = from.Run(ctx, "iperf3", client...)
		}
		x.sender <- err
	}()
	return x
}

// stop ends what still runs, and waits for it.
func (x *transfer) stop() {
	x.cancel()
	<-x.sender
	<-x.receiver
}

// finish waits for the end and returns the rate of whole frames.
func (x *transfer) finish(last string) (m rateSeen, err error) {
	defer x.cancel()
	if err := <-x.sender; err != nil {
		x.cancel()
		<-x.receiver
		return m, err
	}
	r := <-x.receiver
	if r.err != nil {
		return m, r.err
	}
	var s stream3
	if err := json.Unmarshal([]byte(r.out), &s); err != nil || s.Error != "" {
		return m, fmt.Errorf("iperf3: %w, %s: %.300s", err, s.Error, r.out)
	}
	end := 0.0
	for _, i := range s.Intervals {
		end = max(end, i.Sum.Start+i.Sum.Seconds)
	}
	from := float64(warmUp)
	if last != "" {
		seconds, err := strconv.ParseFloat(last, 64)
		if err != nil {
			return m, fmt.Errorf("last=%s: %w", last, err)
		}
		from = end - seconds
	}
	frames := float64(tcpSegment+tcpHeaders) / tcpSegment
	if x.protocol == "udp" {
		frames = float64(udpDatagram+udpHeaders) / udpDatagram
	}
	var rates []float64
	var bytes, seconds float64
	for _, i := range s.Intervals {
		if i.Sum.Start >= from-0.01 && i.Sum.Seconds > 0.5 { // the last one may be a moment with nothing in it
			bytes, seconds = bytes+i.Sum.Bytes, seconds+i.Sum.Seconds
			rates = append(rates, i.Sum.Bytes*frames*8/1000/i.Sum.Seconds)
		}
	}
	if seconds < 1 {
		return m, fmt.Errorf("%w: iperf3 measured for %.1f s: %.300s", errShort, seconds, r.out)
	}
	slices.Sort(rates)
	return rateSeen{bytes * frames * 8 / 1000 / seconds, rates[len(rates)*3/4]}, nil
}
