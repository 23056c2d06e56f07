package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"weft/integration/testbed"
	"weft/integration/timescale"
)

// ask gets a page of a host reconciler's debug socket.
func ask(ctx context.Context, h *testbed.Host, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", h.Debug)
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://weftd"+path, nil)
	if err != nil {
		return "", err
	}
	res, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, res.Status, body)
	}
	return string(body), err
}

// settled waits until the reconciler is between two reconcile passes and has started none for a while. It polls the count of passes,
// because there is no event for "nothing to do".
func settled(ctx context.Context, h *testbed.Host) error {
	last, since := "", time.Now()
	quiet := timescale.Bound(quiet)
	for time.Since(since) < quiet {
		page, err := ask(ctx, h, "/metrics")
		if err != nil {
			return err
		}
		if now := fmt.Sprint(stagesOf(page)); now != last {
			last, since = now, time.Now()
		}
		select {
		case <-time.After(quiet / 4):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// quiet is how long a reconciler has to do nothing to count as settled.
const quiet = 300 * time.Millisecond

// stages is the sum and count of each stage of reconciling, from the reconciler's histogram.
type stages map[string]stageTime

type stageTime struct {
	stage string
	sum   time.Duration
	count int
	mean  time.Duration
}

var stageLine = regexp.MustCompile(`^weft_reconcile_duration_seconds_(sum|count)\{stage="([^"]+)"\} (\S+)$`)

func stagesOf(page string) stages {
	out := stages{}
	lines := bufio.NewScanner(strings.NewReader(page))
	for lines.Scan() {
		m := stageLine.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		v, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			continue
		}
		s := out[m[2]]
		s.stage = m[2]
		if m[1] == "sum" {
			s.sum = time.Duration(v * float64(time.Second))
		} else {
			s.count = int(v)
		}
		out[m[2]] = s
	}
	return out
}

func (c *cloud) stages(ctx context.Context) (stages, error) {
	page, err := ask(ctx, c.host, "/metrics")
	return stagesOf(page), err
}

// since lists the stages that ran since before, each with its mean.
func (s stages) since(before stages) []stageTime {
	var out []stageTime
	for name, now := range s {
		d := stageTime{stage: name, sum: now.sum - before[name].sum, count: now.count - before[name].count}
		if d.count > 0 {
			d.mean = d.sum / time.Duration(d.count)
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b stageTime) int { return strings.Compare(a.stage, b.stage) })
	return out
}

// counter sums a counter over its labels.
func counter(page, name string) float64 {
	total := 0.0
	lines := bufio.NewScanner(strings.NewReader(page))
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), name)
		if !ok || rest == "" || rest[0] != '{' && rest[0] != ' ' {
			continue
		}
		if v, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64); err == nil {
			total += v
		}
	}
	return total
}
