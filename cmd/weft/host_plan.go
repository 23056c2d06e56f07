package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"weft/hostnet/object"
)

const (
	defaultDebug    = "unix:/run/weft/weftd.sock"
	planTimeout     = 30 * time.Second
	maxPlanBytes    = 256 << 20
	maxExcerptBytes = 200
)

func hostPlanCommand(s streams) *cli.Command {
	return command(cli.Command{
		Name:      "plan",
		Usage:     "on the host itself: what weftd would do now, as ordered steps, without doing it",
		UsageText: "weft host plan [--debug unix:PATH|HOST:PORT] [-o table|json]",
		Flags: []cli.Flag{outputFlag(), &cli.StringFlag{Name: "debug", EnvVars: []string{"WEFT_DEBUG_LISTEN"}, Value: defaultDebug,
			Usage: "weftd's debug listener at `ADDRESS`"}},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context, planTimeout)
			defer cancel()
			raw, err := fetchPlan(ctx, c.String("debug"))
			if err != nil {
				return err
			}
			if c.String("output") == "json" {
				_, err := s.out.Write(append(raw, '\n'))
				return err
			}
			return printPlan(s.out, raw)
		},
	})
}

// fetchPlan asks weftd's debug listener for its plan.
func fetchPlan(ctx context.Context, address string) ([]byte, error) {
	network, at := "tcp", strings.TrimPrefix(address, "tcp:")
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, at = "unix", path
	}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, at)
		},
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://weftd/plan", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("weftd at %s: %w: is it running here, and are you root? --debug names another listener", address, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxPlanBytes))
	if err != nil {
		return nil, fmt.Errorf("weftd at %s: %w", address, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("weftd at %s: %s: %s", address, resp.Status, printable(string(raw[:min(len(raw), maxExcerptBytes)])))
	}
	return raw, nil
}

// hostPlan is what weftd answers: steps in stages, and what cannot be done yet.
type hostPlan struct {
	Steps []struct {
		Stage       int                 `json:"stage"`
		Op          string              `json:"op"`
		Object      string              `json:"object"`
		Owner       string              `json:"owner"`
		Differences []object.Difference `json:"differences"`
	} `json:"steps"`
	Blocked []struct {
		Object string `json:"object"`
		Reason string `json:"reason"`
	} `json:"blocked"`
}

func printPlan(out io.Writer, raw []byte) error {
	var p hostPlan
	if err := json.Unmarshal(raw, &p); err != nil {
		return fmt.Errorf("weftd's answer is no plan (%w): is it another program's socket, or another version's?", err)
	}
	if len(p.Steps) == 0 {
		fmt.Fprintln(out, "nothing to do")
	}
	stage := 0
	for _, s := range p.Steps {
		if s.Stage != stage {
			stage = s.Stage
			fmt.Fprintf(out, "stage %d\n", stage)
		}
		line := fmt.Sprintf("  %-6s %s", s.Op, s.Object)
		if s.Owner != "" {
			line += "  (for " + s.Owner + ")"
		}
		fmt.Fprintln(out, printable(line))
		for _, d := range s.Differences {
			fmt.Fprintln(out, printable("           "+d.String()))
		}
	}
	for _, b := range p.Blocked {
		fmt.Fprintln(out, printable("blocked: "+b.Object+": "+b.Reason))
	}
	return nil
}
